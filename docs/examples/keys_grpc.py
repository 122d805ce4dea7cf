"""A key, and one that nobody has, over gRPC; docs/grpc.md tells how the package ciotat.v1 is made."""

import os

import grpc
from ciotat.v1 import videos_pb2 as pb
from ciotat.v1.videos_pb2_grpc import VideoServiceStub

with grpc.insecure_channel(os.environ.get("CIOTAT_GRPC", "127.0.0.1:50051")) as channel:
    service = VideoServiceStub(channel)
    for key in (os.environ["CIOTAT_API_KEY"], "ciotat_nobody"):
        try:
            service.ListVideos(pb.ListVideosRequest(), metadata=[("authorization", f"Bearer {key}")])
            print("welcome")
        except grpc.RpcError as error:
            print(error.code().name, dict(error.trailing_metadata())["x-request-id"])
