"""What happens to a video, over gRPC; docs/grpc.md tells how the package ciotat.v1 is made."""

import os

import grpc
from ciotat.v1 import videos_pb2 as pb
from ciotat.v1.videos_pb2_grpc import VideoServiceStub

who = [("authorization", f"Bearer {os.environ['CIOTAT_API_KEY']}")]
with grpc.insecure_channel(os.environ.get("CIOTAT_GRPC", "127.0.0.1:50051")) as channel:
    service = VideoServiceStub(channel)
    asked = pb.CreateVideoRequest(prompt="a paper boat", size="128x128", seconds=1, steps=8)
    video = service.CreateVideo(asked, metadata=who).video
    watch = pb.WatchVideoRequest(id=video.id)
    while video.status in (pb.VIDEO_STATUS_QUEUED, pb.VIDEO_STATUS_IN_PROGRESS):
        try:
            for answer in service.WatchVideo(watch, metadata=who):
                video, watch.after = answer.video, answer.event_id
                print(pb.VideoStatus.Name(video.status), video.progress)
        except grpc.RpcError as error:  # the server is ending: another one goes on behind the last event
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
