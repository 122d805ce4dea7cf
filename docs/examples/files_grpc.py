"""A picture is kept, found, fetched and deleted, over gRPC; docs/grpc.md tells how the package ciotat.v1 is made."""

import os
from pathlib import Path

import grpc
from ciotat.v1 import files_pb2 as pb
from ciotat.v1.videos_pb2_grpc import VideoServiceStub

who = [("authorization", f"Bearer {os.environ['CIOTAT_API_KEY']}")]


def parts(path):
    yield pb.UploadFileRequest(header=pb.FileHeader(purpose="vision", filename=path.name))
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield pb.UploadFileRequest(chunk=chunk)


with grpc.insecure_channel(os.environ.get("CIOTAT_GRPC", "127.0.0.1:50051")) as channel:
    service = VideoServiceStub(channel)
    file = service.UploadFile(parts(Path("boat.png")), metadata=who).file
    print(file.id, f"{file.width}x{file.height}")
    for each in service.ListFiles(pb.ListFilesRequest(purpose="vision"), metadata=who).data:
        print(each.id)
    with open("kept.png", "wb") as kept:
        for answer in service.DownloadFile(pb.DownloadFileRequest(id=file.id), metadata=who):
            kept.write(answer.chunk)
    service.DeleteFile(pb.DeleteFileRequest(id=file.id), metadata=who)
