"""Every refusal, through both doors: the same words, and the codes of one line of the table."""

import base64
import json
import socket
import time
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from fastapi.testclient import TestClient
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from model.catalog import TaskNotAvailable, UnknownModel, UnknownStyle
from model.tasks import Task
from service.errors import (
    INTERNAL,
    REFUSALS,
    BodyTooLarge,
    EventNotFound,
    InvalidField,
    InvalidKey,
    InvalidMedia,
    KeyMissing,
    MalformedBody,
    MediaTooLarge,
    ModelNotFound,
    NotLocal,
    NotReady,
    PreviewNotReady,
    RangeNotSatisfiable,
    ShuttingDown,
    TooManyWebhooks,
    UnsupportedBody,
    VideoCancelled,
    VideoExpired,
    VideoFailed,
    VideoNotReady,
    WebhookDisabled,
    WebhookNotFound,
    WebhookUnreachable,
)
from service.pb import files_pb2, models_pb2
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.leaving import Leaving
from service.rest.app import create_app
from service.rpc.servicer import serve
from service.videos.videos import Videos
from tests import clips
from tests.claims import claim
from worker.files import FileNotFound, FileStore, stored_at
from worker.jobs import JobNotFound, JobOver, JobStore, KeyReused, StoreUnavailable, UnknownCursor, connect
from worker.limits import DayIsSpent, QueueFull, TooManyJobs, TooManyRequests
from worker.storage import LinkRefused, LocalStorage, ObjectNotFound, StorageUnavailable

IN_TEST_FILES = {InvalidMedia, MediaTooLarge}
OF_LEAVING = {ShuttingDown}  # in test_leaving.py
OF_WEBHOOKS = {WebhookNotFound, EventNotFound, TooManyWebhooks, WebhookDisabled, WebhookUnreachable}
OF_REST_ALONE = {
    MalformedBody,
    UnsupportedBody,
    BodyTooLarge,
    RangeNotSatisfiable,
    NotReady,
    LinkRefused,
} | OF_WEBHOOKS


def request_of(rpc):
    """The message that this method takes."""
    return next(
        getattr(each, f"{rpc}Request")
        for each in (pb, files_pb2, models_pb2)
        if hasattr(each, f"{rpc}Request")
    )


class Call(NamedTuple):
    """One thing to ask for, in the words of each door."""

    method: str
    path: str
    rpc: str
    body: dict | None = None
    key: str | None = None
    authorization: str | None = None
    after: str | None = None

    def about(self, video_id):
        """The same call, with the id of the video where its body tells of one."""
        return self._replace(body=self.body and json.loads(json.dumps(self.body).replace(VIDEO, video_id)))

    def over_http(self, http, video_id):
        headers = {} if self.key is None else {"idempotency-key": self.key.encode()}
        if self.authorization is not None:
            headers["authorization"] = self.authorization
        if self.after is not None:
            headers["last-event-id"] = self.after
        return http.request(self.method, self.path.format(video_id), json=self.body, headers=headers)

    def over_grpc(self, rpc, video_id, **options):
        method = getattr(rpc, self.rpc)
        query = self.path.partition("?")[2]
        fields = self.body or dict(pair.split("=") for pair in query.split("&") if pair)
        if "limit" in fields:
            fields["limit"] = int(fields["limit"])
        if self.key is not None:
            fields = fields | {"request_id": self.key}
        if self.after is not None:
            fields = fields | {"after": self.after}
        if "{}" in self.path:
            fields["id"] = video_id
        if self.authorization is not None:
            options["metadata"] = [("authorization", self.authorization)]
        answer = method(request_of(self.rpc)(**fields), **options)
        return list(answer) if isinstance(answer, grpc.Call) else answer


REFERENCE, VIDEO = "input_reference", "the id of the video"
PICTURE = f"data:image/jpeg;base64,{base64.b64encode(clips.picture()).decode()}"
SVG = f"data:image/svg+xml;base64,{base64.b64encode(b'<svg/>').decode()}"
OTHER_SIZE = f"data:;base64,{base64.b64encode(clips.picture(size=(41, 30))).decode()}"
AS_LARGE_AS_THE_CLIP = f"data:;base64,{base64.b64encode(clips.picture(size=(64, 48))).decode()}"
OF_PICTURE = {"image_url": PICTURE}
CUT_SHORT = f"data:;base64,{base64.b64encode(clips.picture()[:100]).decode()}"
OF_CLIP = {"file_id": "file_clip"}
CREATE = Call("POST", "/v1/videos", "CreateVideo", {"prompt": "a boat"})
GET = Call("GET", "/v1/videos/{}", "GetVideo")
LIST = Call("GET", "/v1/videos", "ListVideos")
CANCEL = Call("POST", "/v1/videos/{}/cancel", "CancelVideo")
DELETE = Call("DELETE", "/v1/videos/{}", "DeleteVideo")
DOWNLOAD = Call("GET", "/v1/videos/{}/content", "DownloadVideo")
MODELS = Call("GET", "/v1/models", "ListModels")
MODEL = Call("GET", "/v1/models/{}", "GetModel")
REMIX = Call("POST", "/v1/videos/{}/remix", "RemixVideo", {"prompt": "a boat"})
EDIT = Call("POST", "/v1/videos/edits", "EditVideo")
EXTEND = Call("POST", "/v1/videos/extensions", "ExtendVideo")
WATCH = Call("GET", "/v1/videos/{}/events", "WatchVideo")
GET_FILE = Call("GET", "/v1/files/{}", "GetFile")
LIST_FILES = Call("GET", "/v1/files", "ListFiles")
DELETE_FILE = Call("DELETE", "/v1/files/{}", "DeleteFile")
DOWNLOAD_FILE = Call("GET", "/v1/files/{}/content", "DownloadFile")
EVERY_ONE_VIDEO = [GET, CANCEL, DELETE, DOWNLOAD, WATCH]
EVERY_ONE_FILE = [GET_FILE, DELETE_FILE, DOWNLOAD_FILE]
EVERY_ONE = [CREATE, LIST, MODELS, MODEL, REMIX, LIST_FILES, *EVERY_ONE_FILE, *EVERY_ONE_VIDEO]
WRONG = ("Bearer ciotat_" + 64 * "0", "bearer x")


def asking(call, **query):
    return call._replace(path=call.path + "?" + "&".join(f"{name}={value}" for name, value in query.items()))


def creating(key=None, **fields):
    return CREATE._replace(body=fields, key=key)


@pytest.fixture
def video(http):
    fields, headers = {"prompt": "a secret prompt"}, {"idempotency-key": "taken"}
    return http.post("/v1/videos", json=fields, headers=headers).json()["id"]


@pytest.fixture
def arranged(video, jobs, finish, storage, redis, keys, checkpoints, files, tmp_path):
    """A video brought into a state, by the state's name; its id."""

    def enable():
        """A checkpoint that does everything, and a kept clip of a second."""
        index = checkpoints / "ciotat-1" / "model_index.json"
        index.write_text(json.dumps({"tasks": list(Task)}))
        (checkpoints / "ciotat-1" / "styles" / "flat").mkdir(parents=True)
        (checkpoints / "ciotat-1" / "styles" / "flat" / "config.json").touch()
        (tmp_path / "clip").write_bytes(clips.clip())
        with (tmp_path / "clip").open("rb") as source, files.intake.checked("file", source) as (path, medium):
            storage.put(stored_at("file_clip", medium), path, medium.content_type)
        FileStore(redis).create("default", "file_clip", "vision", "clip", medium, 3600)
        finish(video)

    def lose():
        finish(video)
        storage.delete(jobs.get(video).video_key)

    states = {
        "queued": lambda: None,
        "running": lambda: claim(jobs, video),
        "completed": lambda: finish(video),
        "failed": lambda: jobs.fail(claim(jobs, video), "invalid_checkpoint", "truncated"),
        "cancelled": lambda: jobs.cancel(video),
        "deleted": lambda: jobs.delete(video),
        "lost": lose,
        "expired": lambda: (finish(video), redis.hset(f"ciotat:job:{video}", "expires_at", "1.5")),
        "crowded": lambda: keys.limit("default", {"jobs": 1}),
        "thrifty": lambda: keys.limit("default", {"cost_a_day": 500}),
        "shut": lambda: keys.limit("default", {"cost_a_day": 400}),
        "busy": lambda: redis.set("ciotat:load", 99_999),
        "keyed": lambda: keys.create("default"),
        "hurried": lambda: redis.set("ciotat:bucket:default", int((time.time() + 9) * 1e6)),
        "able": enable,
        "corrupt": lambda: redis.hset(f"ciotat:job:{video}", "status", "corrupt"),
    }

    def arrange(state):
        if state == "unknown":
            return "video_x"
        states[state]()
        return video

    return arrange


CASES = [
    *((call, "unknown", JobNotFound, None) for call in EVERY_ONE_VIDEO),
    *((call, "keyed", KeyMissing, None) for call in EVERY_ONE),
    (GET._replace(authorization="Basic Y2lvdGF0"), "keyed", KeyMissing, None),
    *((call._replace(authorization=WRONG[0]), "keyed", InvalidKey, None) for call in EVERY_ONE),
    (GET._replace(authorization=WRONG[1]), "keyed", InvalidKey, None),
    (creating(seconds=1), "keyed", KeyMissing, None),
    *((call, "hurried", TooManyRequests, None) for call in EVERY_ONE),
    (CREATE, "crowded", TooManyJobs, None),
    (CREATE, "thrifty", DayIsSpent, None),
    (CREATE, "shut", DayIsSpent, None),
    (CREATE, "busy", QueueFull, None),
    (creating(seconds=1), "queued", InvalidField, "prompt"),
    (creating(prompt="  "), "queued", InvalidField, "prompt"),
    (creating(prompt="a", seconds=0), "queued", InvalidField, "seconds"),
    (creating(prompt="a", seconds=21), "queued", InvalidField, "seconds"),
    (creating(prompt="a", seconds=6), "queued", InvalidField, "seconds"),  # more than the checkpoint says
    (creating(prompt="a", size="1x1"), "queued", InvalidField, "size"),
    (creating(prompt="a", model="x"), "queued", UnknownModel, "model"),
    *(
        (creating(key, prompt="a"), "queued", InvalidField, "Idempotency-Key")
        for key in ("", "a" * 256, "\u00e9")
    ),
    (creating("taken", prompt="another prompt"), "queued", KeyReused, "Idempotency-Key"),
    (creating("taken", prompt="a secret prompt"), "deleted", JobNotFound, None),
    *(
        (creating(prompt="a", metadata=metadata), "queued", InvalidField, "metadata")
        for metadata in ({"k" * 65: ""}, {"k": "v" * 513}, {str(n): "" for n in range(17)})
    ),
    (asking(LIST, limit=0), "queued", InvalidField, "limit"),
    (asking(LIST, limit=101), "queued", InvalidField, "limit"),
    (asking(LIST, order="up"), "queued", InvalidField, "order"),
    (asking(LIST, after="video_x"), "queued", UnknownCursor, "after"),
    (asking(DOWNLOAD, variant="gif"), "completed", InvalidField, "variant"),
    *((WATCH._replace(after=text), "queued", InvalidField, "Last-Event-ID") for text in ("0", "1-x", "+")),
    (DOWNLOAD, "queued", VideoNotReady, None),
    (DOWNLOAD, "running", VideoNotReady, None),
    (asking(DOWNLOAD, variant="thumbnail"), "running", VideoNotReady, None),
    *((asking(DOWNLOAD, variant="preview"), state, PreviewNotReady, None) for state in ("queued", "running")),
    (asking(DOWNLOAD, variant="preview"), "failed", VideoFailed, None),
    (DOWNLOAD, "failed", VideoFailed, None),
    (DOWNLOAD, "cancelled", VideoCancelled, None),
    (DOWNLOAD, "lost", ObjectNotFound, None),
    (DOWNLOAD, "expired", VideoExpired, None),
    (REMIX, "expired", VideoExpired, None),
    *((call, "unknown", FileNotFound, None) for call in EVERY_ONE_FILE),
    (MODEL, "unknown", ModelNotFound, None),
    (creating(prompt="a", input_reference={"file_id": "file_x"}), "queued", FileNotFound, None),
    (
        creating(prompt="a", input_reference={"image_url": "https://e.org/a.png"}),
        "queued",
        InvalidField,
        REFERENCE,
    ),
    (creating(prompt="a", input_reference={"image_url": "data:,x"}), "queued", InvalidField, REFERENCE),
    (creating(prompt="a", input_reference={}), "queued", InvalidField, REFERENCE),
    (creating(prompt="a", input_reference={"image_url": PICTURE}), "queued", TaskNotAvailable, REFERENCE),
    (creating(prompt="a", input_reference={"image_url": SVG}), "queued", InvalidMedia, REFERENCE),
    (creating(prompt="a", task="image_to_video"), "queued", InvalidField, REFERENCE),
    (creating(prompt="a", task="stylize"), "queued", InvalidField, "style"),
    (creating(prompt="a", strength=2), "queued", InvalidField, "strength"),
    (creating(prompt="a", strength=0.7), "queued", InvalidField, "strength"),
    (creating(prompt="a", style="flat"), "queued", UnknownStyle, "style"),
    (creating(prompt="a", style_alpha=0.8), "queued", InvalidField, "style_alpha"),
    (creating(prompt="a", style_alpha=-0.1), "queued", InvalidField, "style_alpha"),
    (creating(prompt="a", task="dance"), "queued", InvalidField, "task"),
    (REMIX, "unknown", JobNotFound, None),
    (REMIX, "queued", VideoNotReady, None),
    (REMIX, "failed", VideoFailed, None),
    (REMIX, "cancelled", VideoCancelled, None),
    (REMIX, "completed", TaskNotAvailable, "video"),
    (REMIX._replace(body={"prompt": " "}), "completed", InvalidField, "prompt"),
    *(
        (call._replace(body=more | given), state, kind, field)
        for call, more in ((EDIT, {}), (EXTEND, {"seconds": 2}))
        for given, state, kind, field in (
            ({"prompt": "a"}, "queued", InvalidField, "video"),
            ({"video": {"id": "video_x"}}, "queued", InvalidField, "prompt"),
            ({"prompt": "a", "video": {"id": "video_x"}}, "queued", JobNotFound, None),
            ({"prompt": "a", "video": {"file_id": "file_x"}}, "queued", FileNotFound, None),
            ({"prompt": "a", "video": {"id": VIDEO}}, "queued", VideoNotReady, None),
            ({"prompt": "a", "video": {"id": VIDEO}}, "completed", TaskNotAvailable, "video"),
        )
    ),
    (
        EXTEND._replace(body={"prompt": "a", "video": {"id": VIDEO}, "seconds": 21}),
        "completed",
        InvalidField,
        "seconds",
    ),
    *(
        (creating(prompt="a", **fields), "able", kind, field)
        for field, kind, fields in (
            ("mask", InvalidField, {"mask": OF_PICTURE}),
            ("mask", InvalidField, {"mask": OF_PICTURE, "task": "inpaint"}),
            ("mask", InvalidField, {"mask": OF_PICTURE, REFERENCE: OF_PICTURE, "task": "image_to_video"}),
            ("mask", InvalidField, {"mask": OF_CLIP, REFERENCE: OF_CLIP, "task": "video_to_video"}),
            ("mask", InvalidField, {"mask": {"image_url": OTHER_SIZE}, REFERENCE: OF_PICTURE}),
            ("mask", InvalidField, {"mask": OF_PICTURE, REFERENCE: OF_CLIP}),
            ("mask", InvalidField, {"mask": OF_CLIP, REFERENCE: {"image_url": AS_LARGE_AS_THE_CLIP}}),
            ("mask", InvalidField, {REFERENCE: OF_PICTURE, "task": "inpaint"}),
            ("mask", InvalidField, {REFERENCE: OF_PICTURE, "task": "cinemagraph"}),
            ("mask", InvalidMedia, {REFERENCE: OF_PICTURE, "mask": {"image_url": SVG}}),
            ("mask", InvalidMedia, {REFERENCE: OF_PICTURE, "mask": {"image_url": CUT_SHORT}}),
            (REFERENCE, InvalidField, {REFERENCE: OF_CLIP, "mask": OF_CLIP, "task": "cinemagraph"}),
            (REFERENCE, InvalidField, {"task": "interpolate"}),
            (REFERENCE, InvalidField, {"last_frame": OF_PICTURE}),
            (REFERENCE, InvalidField, {REFERENCE: OF_CLIP, "last_frame": OF_PICTURE}),
            (REFERENCE, InvalidField, {REFERENCE: OF_CLIP, "task": "extend", "seconds": 1}),
            ("last_frame", InvalidField, {REFERENCE: OF_PICTURE, "task": "interpolate"}),
            ("last_frame", InvalidField, {REFERENCE: OF_PICTURE, "last_frame": OF_CLIP}),
            (
                "last_frame",
                InvalidField,
                {REFERENCE: OF_PICTURE, "last_frame": OF_PICTURE, "task": "image_to_video"},
            ),
            ("strength", InvalidField, {REFERENCE: OF_CLIP, "strength": 2}),
            ("strength", InvalidField, {REFERENCE: OF_PICTURE, "strength": 0.5}),
            ("loop", InvalidField, {REFERENCE: OF_CLIP, "task": "extend", "loop": True}),
            ("loop", InvalidField, {REFERENCE: OF_PICTURE, "last_frame": OF_PICTURE, "loop": True}),
            ("style", UnknownStyle, {"style": "round"}),
            ("style", UnknownStyle, {REFERENCE: OF_PICTURE, "style": "round"}),
            ("style", InvalidField, {"task": "stylize"}),
            ("style_alpha", InvalidField, {"style": "flat", "style_alpha": 1.5}),
            ("style_alpha", InvalidField, {REFERENCE: OF_CLIP, "style_alpha": 0.5}),
            ("seconds", InvalidField, {"seconds": 90}),
            ("seconds", InvalidField, {REFERENCE: OF_CLIP, "seconds": 21, "task": "extend"}),
        )
    ),
    *(
        (call._replace(body={"prompt": "a"} | fields), "able", InvalidField, field)
        for call, field, fields in (
            (REMIX, "strength", {"strength": 2}),
            (EDIT, "strength", {"video": OF_CLIP, "strength": -1}),
            (EDIT, "mask", {"video": OF_CLIP, "mask": OF_PICTURE}),
            (EDIT, "mask", {"video": {"id": VIDEO}, "mask": OF_CLIP}),
            (EXTEND, "video", {"video": {"id": VIDEO}, "seconds": 3}),
            (EXTEND, "video", {"video": OF_CLIP, "seconds": 1}),
        )
    ),
    (
        EDIT._replace(body={"prompt": "a", "video": OF_CLIP, "mask": OF_CLIP, "strength": 0.5}),
        "able",
        InvalidField,
        "strength",
    ),
    (asking(LIST_FILES, limit=0), "queued", InvalidField, "limit"),
    (asking(LIST_FILES, after="file_x"), "queued", UnknownCursor, "after"),
    (CANCEL, "completed", JobOver, None),
    (CANCEL, "failed", JobOver, None),
]


def refused_alike(doors, call, video_id, expected):
    """What REST said, after a comparison with what gRPC said."""
    http, rpc = doors
    call = call.about(video_id)
    reply = call.over_http(http, video_id)
    with pytest.raises(grpc.RpcError) as refused:
        call.over_grpc(rpc, video_id)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (expected.status, expected.code)
    assert refused.value.code() == expected.grpc
    assert reply.headers["x-request-id"].startswith("req_")
    assert dict(refused.value.trailing_metadata())["x-request-id"].startswith("req_")
    _detailed_alike(refused.value, reply, error)
    return reply, error, refused.value.details()


def details_of(refused):
    """The rich details of a gRPC error, by the names of their kinds."""
    status = rpc_status.from_call(refused)  # compares code and words with the plain ones
    found = {}
    for packed in status.details:
        kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])
        message = kind()
        assert packed.Unpack(message)
        found[kind.__name__] = message
    assert len(found) == len(status.details)
    return found


def _detailed_alike(refused, reply, error):
    """The rich details say what REST says, and nothing else."""
    found = details_of(refused)
    request_id = dict(refused.trailing_metadata())["x-request-id"]
    param = "request_id" if error["param"] == "Idempotency-Key" else error["param"]
    info = found.pop("ErrorInfo")
    assert (info.reason, info.domain) == (error["code"].upper(), "ciotat")
    assert dict(info.metadata) == {"request_id": request_id} | ({"field": param} if param else {})
    assert found.pop("RequestInfo").request_id == request_id
    if "retry-after-ms" in reply.headers:
        waits = found.pop("RetryInfo").retry_delay.ToMilliseconds(), int(reply.headers["retry-after-ms"])
        assert max(waits) - min(waits) < 2000  # told one after the other
        assert 1000 * int(reply.headers["retry-after"]) >= waits[1]
    if param and refused.code() is grpc.StatusCode.INVALID_ARGUMENT:
        (violation,) = found.pop("BadRequest").field_violations
        told = (violation.field, violation.description, violation.reason)
        assert told == (param, error["message"], info.reason)
    assert found == {}


@pytest.mark.parametrize(("call", "state", "kind", "field"), CASES)
def test_both_doors_refuse_the_same_in_the_same_words_and_keep_nothing(
    doors, arranged, storage, call, state, kind, field
):
    video_id, before = arranged(state), set(storage.list("videos"))
    reply, error, details = refused_alike(doors, call, video_id, REFUSALS[kind])

    assert set(storage.list("videos")) == before
    assert error["message"] == details
    assert error["param"] == field
    assert field is None or details.startswith(f"{field}: ") or field == "model"
    if reply.status_code in (409, 501):
        assert reply.headers["x-should-retry"] == "false"
    if reply.status_code == 401:
        assert reply.headers["www-authenticate"] == "Bearer"
    if reply.status_code == 429:
        waits = reply.headers.get("retry-after")
        assert (waits is None) == (state == "shut")
        soon = waits is not None and int(waits) <= 60
        assert reply.headers["x-should-retry"] == ("true" if soon else "false")
        assert kind is DayIsSpent or soon
    if kind is TooManyRequests:
        assert 7 < int(reply.headers["retry-after"]) < 10
        assert reply.headers["x-should-retry"] == "true"


def own_address():
    """By which other machines would reach this one; asking a socket for it sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("192.0.2.1", 9))
        return out.getsockname()[0]


@pytest.mark.parametrize("call", EVERY_ONE)
def test_a_service_without_keys_answers_its_own_machine_alone(keys, videos, access, call, redis):
    keys.create("default")  # else nothing would listen out there
    outside = own_address()
    with TestClient(create_app(videos, lambda: None, access), f"http://{outside}") as http:
        server = serve(videos, access, Leaving(print), print, ("0.0.0.0", 0))
        with grpc.insecure_channel(f"{outside}:{server.port}") as channel:
            doors = http, VideoServiceStub(channel)
            redis.delete("ciotat:keys")

            _, error, details = refused_alike(doors, call, "video_x", REFUSALS[NotLocal])
        server.drain(0)

    assert error["message"] == details
    assert "ciotat keys create" in details


class Broken(LocalStorage):
    """A storage that does not answer."""

    def size(self, key):
        raise StorageUnavailable("bucket 'secret' at http://10.0.0.7 refused")

    def delete(self, key):
        raise StorageUnavailable("bucket 'secret' at http://10.0.0.7 refused")


@pytest.mark.parametrize("call", [CREATE, GET, LIST, CANCEL, DELETE, DOWNLOAD, WATCH])
def test_a_job_store_that_is_away_is_told_to_come_back_to(
    opened, storage, checkpoints, inputs, tmp_path, call
):
    away = JobStore(connect(f"unix://{tmp_path}/nothing.sock"))
    doors = opened(Videos(away, print, storage, checkpoints, inputs))

    reply, error, details = refused_alike(doors, call, "video_x", REFUSALS[StoreUnavailable])

    assert error["message"] == details
    assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == ("1", "true")


@pytest.mark.parametrize("call", [DOWNLOAD, DELETE])
def test_a_storage_that_is_away_is_told_to_come_back_to(
    opened, jobs, checkpoints, inputs, finished, tmp_path, caplog, call
):
    doors = opened(Videos(jobs, print, Broken(tmp_path), checkpoints, inputs))

    reply, error, details = refused_alike(doors, call, finished, REFUSALS[StorageUnavailable])

    assert error["message"] == details == "the object store does not answer"
    assert "10.0.0.7" in caplog.text
    assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == ("1", "true")
    assert jobs.get(finished).status == "completed"


@pytest.mark.parametrize("call", [*EVERY_ONE_VIDEO, LIST])
def test_what_nobody_foresaw_says_nothing_but_its_request_id(doors, arranged, caplog, call):
    reply, error, details = refused_alike(doors, call, arranged("corrupt"), INTERNAL)

    assert error["type"] == "server_error"
    assert reply.headers["x-request-id"] in error["message"]
    for told in (error["message"], details):
        assert "secret" not in told
        assert "corrupt" not in told
        assert told.rpartition(" ")[2] in caplog.text


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\U0001f6a4"])
def test_a_refusal_that_quotes_a_long_request_still_arrives(rpc, letter):
    with pytest.raises(grpc.RpcError) as refused:
        rpc.GetVideo(pb.GetVideoRequest(id=letter * 100_000))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert refused.value.details().endswith("...")
    assert details_of(refused.value)["ErrorInfo"].reason == "VIDEO_NOT_FOUND"


def test_a_request_id_that_comes_is_the_one_that_goes(doors):
    with pytest.raises(grpc.RpcError) as refused:
        GET.over_grpc(doors[1], "video_x", metadata=[("x-request-id", "trace-1")])
    _, call = doors[1].ListVideos.with_call(pb.ListVideosRequest(), metadata=[("x-request-id", "trace-2")])

    assert dict(refused.value.trailing_metadata())["x-request-id"] == "trace-1"
    assert dict(call.trailing_metadata())["x-request-id"] == "trace-2"


def test_every_line_of_the_table_is_met_here():
    met = {kind for _, _, kind, _ in CASES} | {StoreUnavailable, StorageUnavailable, NotLocal}

    assert met | OF_REST_ALONE | IN_TEST_FILES | OF_LEAVING == set(REFUSALS)


def test_every_refusal_has_a_code_of_its_own():
    codes = [refusal.code for refusal in REFUSALS.values()]

    assert len(codes) == len(set(codes))


def test_the_documentation_has_the_table():
    rows = [
        f"| `{each.code}` | {each.status.value} | {each.grpc.name} |\n"
        for each in [*REFUSALS.values(), INTERNAL]
    ]

    assert "".join(rows) in (Path(__file__).parents[2] / "docs" / "api.md").read_text()
