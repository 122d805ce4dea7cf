"""The gRPC door: the same `Videos`, the same refusals, other words."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from service.access.access import Access
from service.pb import videos_pb2 as pb
from service.pb import videos_pb2_grpc as stubs
from service.processes.leaving import Leaving
from service.rpc.answering import key_of
from service.rpc.derived import DerivedCalls
from service.rpc.files import FileCalls
from service.rpc.messages import fields_of, keyed, queued, told
from service.rpc.server import RpcServer
from service.videos.derived import Derived
from service.videos.fields import parsed
from service.videos.following import Call
from service.videos.videos import Download, Page, Videos


class VideosServicer(FileCalls, DerivedCalls, stubs.VideoServiceServicer):
    """Messages in, `Videos`, messages out."""

    def __init__(self, videos: Videos, access: Access, leaving: Leaving) -> None:
        self._videos = videos
        self._access = access
        self._leaving = leaving
        self._files = videos.files
        self._derived = Derived(videos)
        self._models = videos.models

    def CreateVideo(
        self, request: pb.CreateVideoRequest, context: grpc.ServicerContext
    ) -> pb.CreateVideoResponse:
        """Queue a video, once under one request_id."""
        with self._answering(context) as caller:
            accepted = self._videos.create(caller, *keyed(request))
            return pb.CreateVideoResponse(video=queued(accepted, context))

    def GetVideo(self, request: pb.GetVideoRequest, context: grpc.ServicerContext) -> pb.GetVideoResponse:
        """Where a video stands."""
        with self._answering(context) as caller:
            return pb.GetVideoResponse(video=told(self._videos.get(caller, request.id)))

    def ListVideos(
        self, request: pb.ListVideosRequest, context: grpc.ServicerContext
    ) -> pb.ListVideosResponse:
        """One page of videos."""
        with self._answering(context) as caller:
            found = self._videos.list(caller, parsed(Page, fields_of(request)))
            page = found.model_dump(exclude={"data"}, exclude_none=True)
            return pb.ListVideosResponse(data=map(told, found.data), **page)

    def CancelVideo(
        self, request: pb.CancelVideoRequest, context: grpc.ServicerContext
    ) -> pb.CancelVideoResponse:
        """End an unfinished video."""
        with self._answering(context) as caller:
            return pb.CancelVideoResponse(video=told(self._videos.cancel(caller, request.id)))

    def DeleteVideo(
        self, request: pb.DeleteVideoRequest, context: grpc.ServicerContext
    ) -> pb.DeleteVideoResponse:
        """Remove a video and all that is stored of it."""
        with self._answering(context) as caller:
            return pb.DeleteVideoResponse(**self._videos.delete(caller, request.id).model_dump())

    def WatchVideo(
        self, request: pb.WatchVideoRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchVideoResponse]:
        """The video at every change, as long as the caller listens."""
        call = Call()
        if not context.add_callback(call.hang_up):
            return
        after = request.after if request.HasField("after") else None
        check = self._access.standing(key_of(context))
        with self._answering(context) as caller:
            for video, event_id, kind in self._videos.watch(caller, request.id, after, call, check):
                name = f"VIDEO_EVENT_KIND_{kind or 'unspecified'}".upper()
                yield pb.WatchVideoResponse(video=told(video), event_id=event_id, kind=name)

    def DownloadVideo(
        self, request: pb.DownloadVideoRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.DownloadVideoResponse]:
        """The content in the storage's own chunks."""
        with self._answering(context) as caller:
            found = self._videos.content(caller, request.id, parsed(Download, fields_of(request)))
            for chunk in found.read(0, found.size):
                self._leaving.check_time()
                yield pb.DownloadVideoResponse(chunk=chunk)


def serve(
    videos: Videos,
    access: Access,
    leaving: Leaving,
    check_ready: Callable[[], None],
    address: tuple[str, int],
    **options: Any,
) -> RpcServer:
    """A started server of these videos, at an address that may be listened on; for the options see RpcServer."""
    access.check_address(address[0])
    return RpcServer(VideosServicer(videos, access, leaving), address, check_ready, leaving, **options)
