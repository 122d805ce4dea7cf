"""What clients see of a server that is not ready, or that ends."""

import threading
import time
from contextlib import ExitStack
from typing import NamedTuple

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from service.errors import NotReady
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.leaving import Leaving
from service.rpc.server import OPTIONS, VIDEO_SERVICE, RpcServer
from service.rpc.servicer import serve
from tests.claims import claim
from tests.service.test_refusals import details_of
from worker.jobs import StoreUnavailable

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Ready:
    """Readiness that a test decides."""

    def __init__(self):
        self.problem = None
        self.answers = threading.Event()
        self.answers.set()

    def check(self):
        self.answers.wait()
        if self.problem:
            raise self.problem


class Door(NamedTuple):
    server: RpcServer
    health: HealthStub
    videos: VideoServiceStub
    channel: grpc.Channel

    def status(self, service=""):
        return self.health.Check(health_pb2.HealthCheckRequest(service=service)).status

    def becomes(self, status, service=""):
        """The statuses told from now on, up to this one."""
        told = []
        for answer in self.health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=20):
            told.append(answer.status)
            if answer.status == status:
                return told
        return told


@pytest.fixture
def ready():
    ready = Ready()
    yield ready
    ready.answers.set()


@pytest.fixture
def open_door(videos, access, ready):
    """Opens the gRPC door, which asks itself often whether it is ready."""
    with ExitStack() as stack:

        def open_door(**options):
            leaving = Leaving(videos.feed.stop)
            server = serve(
                videos, access, leaving, ready.check, ("127.0.0.1", 0), health_seconds=0.05, **options
            )
            stack.callback(videos.feed.close)
            stack.callback(server.drain, 0)
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
            return Door(server, HealthStub(channel), VideoServiceStub(channel), channel)

        yield open_door


@pytest.fixture
def door(open_door):
    return open_door()


def draining(door, grace):
    thread = threading.Thread(target=door.server.drain, args=(grace,))
    thread.start()
    return thread


def called_on(door):
    """Calls until the server takes no more."""
    for _ in range(100_000):
        door.status()


def created(door):
    return door.videos.CreateVideo(pb.CreateVideoRequest(prompt="a boat"), timeout=20).video.id


@pytest.mark.parametrize("service", ["", VIDEO_SERVICE])
@pytest.mark.parametrize("problem", [NotReady("no worker"), StoreUnavailable("away")])
def test_health_is_readiness_and_is_told_when_it_changes(door, ready, service, problem):
    assert door.becomes(SERVING, service)[-1] == SERVING

    ready.problem = problem
    assert door.becomes(NOT_SERVING, service) == [SERVING, NOT_SERVING]
    assert door.status(service) == NOT_SERVING

    ready.problem = None
    assert door.becomes(SERVING, service) == [NOT_SERVING, SERVING]


def test_a_check_that_hangs_is_not_readiness(door, ready):
    door.becomes(SERVING)

    ready.answers.clear()

    assert door.becomes(NOT_SERVING) == [SERVING, NOT_SERVING]


def test_the_health_of_an_unknown_service_is_not_found(door):
    with pytest.raises(grpc.RpcError) as refused:
        door.status("ciotat.v1.Nothing")

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_server_that_will_end_says_so_and_goes_on(door):
    door.becomes(SERVING)

    door.server.announce()

    assert door.becomes(NOT_SERVING)[-1] == NOT_SERVING
    assert door.status(VIDEO_SERVICE) == NOT_SERVING
    watch = door.videos.WatchVideo(pb.WatchVideoRequest(id=created(door)), timeout=20)
    assert next(watch).video.status == pb.VIDEO_STATUS_QUEUED
    watch.cancel()


def test_a_drained_server_ends_watches_with_advice_and_takes_no_call(door, jobs):
    video_id = created(door)
    watch = door.videos.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=20)
    next(watch)
    began = time.monotonic()

    drained = draining(door, grace=10)

    with pytest.raises(grpc.RpcError) as ended:
        list(watch)
    drained.join()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    details = details_of(ended.value)
    assert details["ErrorInfo"].reason == "SHUTTING_DOWN"
    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 1000
    assert time.monotonic() - began < 5
    assert jobs.get(video_id).status == "queued"
    with pytest.raises(grpc.RpcError) as refused:
        created(door)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_running_call_ends_well_while_the_server_drains(door, videos, monkeypatch):
    entered, free = threading.Event(), threading.Event()
    create = videos.create

    def slow(*asked):
        entered.set()
        assert free.wait(20)
        return create(*asked)

    monkeypatch.setattr(videos, "create", slow)
    call = door.videos.CreateVideo.future(pb.CreateVideoRequest(prompt="a boat"), timeout=20)
    assert entered.wait(20)

    drained = draining(door, grace=20)
    try:
        with pytest.raises(grpc.RpcError, match=r"UNAVAILABLE|CANCELLED"):  # CANCELLED: in the very moment
            called_on(door)
    finally:
        free.set()

    assert call.result().video.prompt == "a boat"
    drained.join()


def test_a_download_has_the_grace_to_end_by_itself_and_is_told_when_it_is_over(door, jobs, storage, tmp_path):
    video_id = created(door)
    job = claim(jobs, video_id)
    (tmp_path / "large").write_bytes(bytes(60_000_000))
    storage.put(f"videos/{video_id}/1.mp4", tmp_path / "large", "video/mp4")
    jobs.complete(job, f"videos/{video_id}/1.mp4")
    download = door.videos.DownloadVideo(pb.DownloadVideoRequest(id=video_id), timeout=30)
    next(download)

    drained = draining(door, grace=2)
    time.sleep(1.2)  # nobody reads: what the server has left of its grace begins to run out

    with pytest.raises(grpc.RpcError) as ended:
        list(download)
    drained.join()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(ended.value)["ErrorInfo"].reason == "SHUTTING_DOWN"


def test_a_message_larger_than_the_limit_is_refused(open_door):
    door = open_door(max_message_bytes=1000)

    with pytest.raises(grpc.RpcError) as refused:
        door.videos.CreateVideo(pb.CreateVideoRequest(prompt="a" * 1000))

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert created(door)


def test_a_connection_is_renewed_in_time_and_its_watch_goes_on(open_door, monkeypatch, jobs):
    monkeypatch.setitem(OPTIONS, "grpc.max_connection_age_ms", 200)
    door = open_door()
    states = []
    door.channel.subscribe(states.append)
    video_id = created(door)
    watch = door.videos.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=30)
    next(watch)
    deadline = time.monotonic() + 20
    while grpc.ChannelConnectivity.IDLE not in states[1:] and time.monotonic() < deadline:
        door.videos.GetVideo(pb.GetVideoRequest(id=video_id), timeout=20)

    jobs.cancel(video_id)

    assert grpc.ChannelConnectivity.IDLE in states[1:]
    assert [answer.video.status for answer in watch] == [pb.VIDEO_STATUS_CANCELLED]


def test_reflection_tells_the_contract(door):
    database = ProtoReflectionDescriptorDatabase(door.channel)

    services = set(database.get_services())
    told = DescriptorPool(database).FindServiceByName(VIDEO_SERVICE)

    assert services >= {VIDEO_SERVICE, "grpc.health.v1.Health"}
    assert told.file.name == "ciotat/v1/videos.proto"
    assert [each.name for each in told.methods] == [
        each.name for each in pb.DESCRIPTOR.services_by_name["VideoService"].methods
    ]
