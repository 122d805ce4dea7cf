"""The gRPC door to files."""

import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import grpc

from service.errors import InvalidField, MediaTooLarge
from service.media.files import FileObject, FilePage, Files, Upload
from service.pb import files_pb2 as pb
from service.rpc.answering import Answering
from service.rpc.messages import fields_of
from service.videos.fields import parsed


class FileCalls(Answering):
    """Messages in, `Files`, messages out."""

    _files: Files

    def UploadFile(
        self, requests: Iterator[pb.UploadFileRequest], context: grpc.ServicerContext
    ) -> pb.UploadFileResponse:
        """Keep a picture or a clip."""
        with self._answering(context) as caller, tempfile.TemporaryFile() as file:
            header = next(requests, pb.UploadFileRequest())
            if header.WhichOneof("part") != "header":
                raise InvalidField("header", "the first message must be the header")
            fields = fields_of(header.header)
            self._receive(requests, file)
            if not context.is_active():  # a caller that has gone may look like the end of what it sent
                return pb.UploadFileResponse()
            fields["file"] = Upload(file, str(fields.pop("filename", "")))
            kept = self._files.upload(caller, fields)
            if (
                not context.is_active()
            ):  # it went meanwhile, and nobody will ever know the name of what is kept
                self._files.delete(caller, kept.id)
            return pb.UploadFileResponse(file=_told(kept))

    def _receive(self, requests: Iterator[pb.UploadFileRequest], file: BinaryIO) -> None:
        """What follows the header, counted as it comes."""
        most = self._files.intake.upload_bytes
        for request in requests:
            if request.WhichOneof("part") != "chunk":
                raise InvalidField("chunk", "every message behind the header must be a chunk")
            if file.tell() + len(request.chunk) > most:
                raise MediaTooLarge("file", f"larger than {most} bytes")
            file.write(request.chunk)
        file.seek(0)

    def GetFile(self, request: pb.GetFileRequest, context: grpc.ServicerContext) -> pb.GetFileResponse:
        """What is known of a file."""
        with self._answering(context) as caller:
            return pb.GetFileResponse(file=_told(self._files.get(caller, request.id)))

    def ListFiles(self, request: pb.ListFilesRequest, context: grpc.ServicerContext) -> pb.ListFilesResponse:
        """One page of files."""
        with self._answering(context) as caller:
            found = self._files.list(caller, parsed(FilePage, fields_of(request)))
            page = found.model_dump(exclude={"data"}, exclude_none=True)
            return pb.ListFilesResponse(data=map(_told, found.data), **page)

    def DeleteFile(
        self, request: pb.DeleteFileRequest, context: grpc.ServicerContext
    ) -> pb.DeleteFileResponse:
        """Remove a file."""
        with self._answering(context) as caller:
            return pb.DeleteFileResponse(**self._files.delete(caller, request.id).model_dump())

    def DownloadFile(
        self, request: pb.DownloadFileRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.DownloadFileResponse]:
        """The bytes in the storage's own chunks."""
        with self._answering(context) as caller:
            found = self._files.content(caller, request.id)
            for chunk in found.read(0, found.size):
                yield pb.DownloadFileResponse(chunk=chunk)


def _told(file: FileObject) -> pb.File:
    """The file object as a message; what is null there is absent here."""
    return pb.File(**file.model_dump(exclude_none=True))
