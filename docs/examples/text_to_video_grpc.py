"""From words to boat.mp4, over gRPC; docs/grpc.md tells how the package ciotat.v1 is made."""

import os

import grpc
from ciotat.v1 import videos_pb2 as pb
from ciotat.v1.videos_pb2_grpc import VideoServiceStub

who = [("authorization", f"Bearer {os.environ['CIOTAT_API_KEY']}")]
with grpc.insecure_channel(os.environ.get("CIOTAT_GRPC", "127.0.0.1:50051")) as channel:
    service = VideoServiceStub(channel)
    asked = pb.CreateVideoRequest(prompt="a paper boat", size="128x128", seconds=1, steps=8)
    video = service.CreateVideo(asked, metadata=who).video
    for answer in service.WatchVideo(pb.WatchVideoRequest(id=video.id), metadata=who):
        video = answer.video
    with open("boat.mp4", "wb") as file:
        for answer in service.DownloadVideo(pb.DownloadVideoRequest(id=video.id), metadata=who):
            file.write(answer.chunk)
print(video.id, pb.VideoStatus.Name(video.status))
