"""The gRPC door: the same `Videos`, the same refusals, other words."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

from service.errors import REFUSALS
from service.pb import videos_pb2 as pb
from service.pb import videos_pb2_grpc as stubs
from service.videos import Video, Videos

Answer = TypeVar("Answer")


class VideosServicer(stubs.VideoServiceServicer):
    """Messages in, `Videos`, messages out."""

    def __init__(self, videos: Videos) -> None:
        self._videos = videos

    def CreateVideo(
        self, request: pb.CreateVideoRequest, context: grpc.ServicerContext
    ) -> pb.CreateVideoResponse:
        """Queue a video."""
        fields = {field.name: value for field, value in request.ListFields()}
        return pb.CreateVideoResponse(video=_answered(context, lambda: told(self._videos.create(fields))))

    def GetVideo(self, request: pb.GetVideoRequest, context: grpc.ServicerContext) -> pb.GetVideoResponse:
        """Where a video stands."""
        return pb.GetVideoResponse(video=_answered(context, lambda: told(self._videos.get(request.id))))


def told(video: Video) -> pb.Video:
    """The video object as a message; what is null there is absent here."""
    fields: dict[str, Any] = video.model_dump(mode="json", exclude_none=True)
    fields["status"] = pb.VideoStatus.Value(f"VIDEO_STATUS_{video.status.upper()}")
    return pb.Video(**fields)


def _answered(context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
    """The answer, or the table's gRPC code with the error's own words."""
    try:
        return answer()
    except tuple(REFUSALS) as error:
        refusal = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
        context.abort(refusal.grpc, str(error))


def serve(videos: Videos, host: str, port: int) -> tuple[grpc.Server, int]:
    """A started server and its port, which is a free one when asked for 0."""
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    stubs.add_VideoServiceServicer_to_server(VideosServicer(videos), server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    server.start()
    return server, bound
