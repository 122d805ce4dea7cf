"""Messages, metadata and streams as no client would send them."""

import random
from functools import partial

import grpc
import pytest

from service.pb import files_pb2 as files
from service.pb import videos_pb2 as pb
from tests.abuse import media
from tests.abuse.conftest import TIMES
from tests.abuse.words import NUMBERS, WORDS

pytestmark = pytest.mark.slow

METHODS = [
    each for each in pb.DESCRIPTOR.services_by_name["VideoService"].methods if each.name != "UploadFile"
]
UNKNOWN = bytes([0xFA, 0x3F, 0x03]) + b"abc"  # field 1023


def filled(message, choice, depth=0):
    """Some of its fields, each with what its type has room for."""
    for field in message.DESCRIPTOR.fields:
        if choice.random() < 0.5 or depth > 3:
            continue
        try:
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                getattr(message, field.name)[choice.choice(WORDS)] = choice.choice(WORDS)
            elif field.message_type is not None:
                filled(getattr(message, field.name), choice, depth + 1)
            elif field.cpp_type == field.CPPTYPE_STRING:
                given = choice.choice([*WORDS, "video_x", "file_x", "ciotat-1", "512x512", "a" * 100_000])
                setattr(message, field.name, given.encode() if field.type == field.TYPE_BYTES else given)
            else:
                setattr(message, field.name, choice.choice(NUMBERS))
        except (ValueError, TypeError, AttributeError):
            continue  # not a value of that type at all
    return message


def test_messages_of_every_method(target):
    choice = random.Random(1)
    for _ in range(40 * TIMES):
        method = choice.choice(METHODS)
        message = filled(method.input_type._concrete_class(), choice)
        if method.name == "CreateVideo" and choice.random() < 0.5:
            message.prompt = "a boat"
        target.call(f"message: {method.name}", method.name, message, taken=True)


def sending(call, bearer, content, metadata, timeout):
    return call(content, metadata=[*bearer, *metadata], timeout=timeout)


def test_bytes_that_are_no_messages(target):
    """The stub sends what it is given: the bytes of a message, cut, changed, or with more behind them."""
    choice = random.Random(2)

    address = f"127.0.0.1:{target.process.grpc_port}"
    with grpc.insecure_channel(address) as channel:
        for _ in range(20 * TIMES):
            method = choice.choice(METHODS)
            content = filled(method.input_type._concrete_class(), choice).SerializeToString()
            content = choice.choice(
                [
                    content[: len(content) // 2],
                    choice.randbytes(60),
                    content + UNKNOWN,
                    b"\xff" * 20,
                    b"\x0a\xff\xff\xff\xff\x0f",
                    content * 50,
                    bytes(5 << 20),
                ]
            )
            path = f"/{method.containing_service.full_name}/{method.name}"
            call = channel.unary_stream(path, lambda raw: raw, lambda answer: answer)
            bearer = target.rpc.bearer
            target.call(f"bytes: {method.name}", partial(sending, call, bearer), content, taken=True)
    for kind in ("videos", "files"):
        while page := target.http.get(f"/v1/{kind}", params={"limit": 100}).json()["data"]:
            for each in page:
                target.http.delete(f"/v1/{kind}/{each['id']}")


def test_metadata_of_every_kind(target):
    choice = random.Random(3)
    names = [
        "x-request-id",
        "authorization",
        "grpc-timeout-x",
        "x-bin",
        "user-agent-x",
        "idempotency-key",
        "a" * 1000,
    ]
    for _ in range(20 * TIMES):
        metadata = []
        for _ in range(choice.choice([1, 3, 50])):
            name = choice.choice(names)
            value = choice.choice(["", "Bearer ", "Bearer x", "a" * 100, "~" * 1000, "../..", "%00", "1e9"])
            metadata.append((name, value.encode() if name.endswith("-bin") else value))
        what = f"metadata: {metadata[0]!a}"
        target.call(what, "GetVideo", pb.GetVideoRequest(id="video_x"), metadata)


def test_streams_of_parts(target):
    choice = random.Random(4)
    header = lambda **given: files.UploadFileRequest(header=files.FileHeader(**given))  # noqa: E731
    chunk = lambda content: files.UploadFileRequest(chunk=content)  # noqa: E731
    good, picture = header(purpose="vision", filename="a"), media.real()["PNG"]
    streams = [
        [], [chunk(picture)], [good], [good, good], [good, chunk(b"")], [good, chunk(picture), good],
        [files.UploadFileRequest()] * 3, [header(purpose="x"), chunk(picture)], [good, chunk(bytes(3 << 20))],
        [header(filename="a" * 100_000), chunk(picture)], [good, *[chunk(b"a" * 100_000)] * 40],
        [good, *[chunk(b"")] * 3000, chunk(b"GIF89a")], [good, chunk(media.of_size("PNG", 10**5, 10**5))],
    ]  # fmt: skip
    for _ in range(6 * TIMES):
        target.call("stream", "UploadFile", iter(choice.choice(streams)))


def test_who_hangs_up_in_the_middle_of_an_upload_leaves_nothing(target):
    for _ in range(3):

        def parts():
            yield files.UploadFileRequest(header=files.FileHeader(purpose="vision"))
            yield files.UploadFileRequest(chunk=media.real()["PNG"])
            raise RuntimeError("the client is gone")

        with target.timed("hang-up"), pytest.raises(grpc.RpcError):
            target.rpc.UploadFile(parts(), metadata=[], timeout=20)
