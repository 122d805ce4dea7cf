"""Messages that cannot be read, from anybody, hold nothing of the gRPC door and are refused like others."""

import threading
import time
from contextlib import ExitStack

import grpc
import pytest

from service.pb import files_pb2
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.leaving import Leaving
from service.rpc.files import FileCalls
from service.rpc.server import OPTIONS
from service.rpc.servicer import serve
from tests import clips
from tests.service.test_refusals import details_of
from tests.service.test_strangers import methods

GARBAGE = b"\xff" * 20


@pytest.fixture
def port(videos, access):
    server = serve(videos, access, Leaving(print), print, ("127.0.0.1", 0))
    yield server.port
    server.drain(0)


@pytest.fixture
def connected(port):
    """New connections, which stay open."""
    with ExitStack() as stack:
        own = [("grpc.use_local_subchannel_pool", 1)]
        yield lambda: stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", own))


def sending(channel, method, *contents):
    """A call with these bytes for messages."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    if (
        len(contents) == 1
    ):  # a client that has said all takes nothing back: nobody ends the call but the server
        return list(channel.unary_stream(path, bytes, bytes)(contents[0], timeout=20))
    return list(channel.stream_stream(path, bytes, bytes)(iter(contents), timeout=20))


@pytest.mark.parametrize("method", list(methods()), ids=lambda method: method.name)
def test_what_cannot_be_read_is_refused_by_every_method(connected, method):
    with pytest.raises(grpc.RpcError) as refused:
        sending(connected(), method, GARBAGE)

    assert (refused.value.code(), refused.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "the message cannot be read",
    )
    assert details_of(refused.value)["ErrorInfo"].reason == "MALFORMED_BODY"


def test_an_upload_that_cannot_be_read_on_is_refused(connected, storage):
    method = next(each for each in methods() if each.name == "UploadFile")
    header = files_pb2.UploadFileRequest(header=files_pb2.FileHeader(purpose="vision"))

    with pytest.raises(grpc.RpcError, match="cannot be read"):
        sending(connected(), method, header.SerializeToString(), GARBAGE)


def test_more_of_them_than_a_connection_has_streams_leave_it_open(connected, keys):
    """A proxy sends the calls of many clients over one."""
    secret = keys.create("a")[1]
    get = next(each for each in methods() if each.name == "GetVideo")
    channel = connected()
    for _ in range(OPTIONS["grpc.max_concurrent_streams"] + 10):
        with pytest.raises(grpc.RpcError, match="cannot be read"):
            sending(channel, get, GARBAGE)

    bearer = [("authorization", f"Bearer {secret}")]
    listed = VideoServiceStub(channel).ListVideos(pb.ListVideosRequest(), metadata=bearer, timeout=20)
    assert list(listed.data) == []


def test_who_hangs_up_in_the_middle_of_an_upload_is_no_error_of_ours(connected, caplog):
    sent, over = threading.Event(), threading.Event()

    def parts():
        yield files_pb2.UploadFileRequest(header=files_pb2.FileHeader(purpose="vision"))
        sent.set()
        over.wait(10)

    call = VideoServiceStub(connected()).UploadFile.future(parts())
    assert sent.wait(10)
    call.cancel()
    over.set()
    with pytest.raises(grpc.RpcError, match="does not exist"):
        VideoServiceStub(connected()).GetVideo(pb.GetVideoRequest(id="x"))

    assert caplog.text == ""


def test_a_file_whose_sender_hung_up_while_it_was_kept_is_not_kept(connected, videos, monkeypatch):
    contexts, calls, kept = [], [], []
    answering, upload = FileCalls._answering, videos.files.upload

    def seen(self, context):
        contexts.append(context)
        return answering(self, context)

    def slow(caller, fields):
        file = upload(caller, fields)
        kept.append(file.id)
        calls[0].cancel()
        while contexts[0].is_active():
            time.sleep(0.01)
        return file

    monkeypatch.setattr(FileCalls, "_answering", seen)
    monkeypatch.setattr(videos.files, "upload", slow)
    door, begun = VideoServiceStub(connected()), threading.Event()

    def parts():
        assert begun.wait(10)
        yield files_pb2.UploadFileRequest(header=files_pb2.FileHeader(purpose="vision"))
        yield files_pb2.UploadFileRequest(chunk=clips.photograph(1))

    calls.append(door.UploadFile.future(parts()))
    begun.set()
    with pytest.raises(grpc.FutureCancelledError):
        calls[0].result(20)

    deadline = time.monotonic() + 10
    while door.ListFiles(files_pb2.ListFilesRequest()).data:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(kept) == 1
