import sys
import time
import traceback

import grpc
import pytest

from model.spec import Notice
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.leaving import Leaving
from service.rpc.servicer import serve
from service.videos.asked import INPUTS, VideoRequest
from service.videos.video import Timings, Video
from service.videos.videos import DeletedVideo, Page, VideoList
from tests.claims import claim
from tests.service.conftest import CONTENT


def test_both_doors_tell_the_same_video(http, rpc, queue):
    created = rpc.CreateVideo(
        pb.CreateVideoRequest(prompt="a boat", seconds=2, seed=0, guidance_scale=2.5)
    ).video

    video = http.get(f"/v1/videos/{created.id}").json()

    assert queue == [created.id]
    assert pb.VideoStatus.Name(created.status) == "VIDEO_STATUS_QUEUED"
    for field in pb.Video.DESCRIPTOR.fields:
        if field.name != "status":
            absent = field.has_presence and not created.HasField(field.name)
            assert (None if absent else getattr(created, field.name)) == video[field.name], field.name


def test_a_failed_video_is_an_answer(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    jobs.fail(claim(jobs, video_id), "invalid_checkpoint", "truncated")

    video = rpc.GetVideo(pb.GetVideoRequest(id=video_id)).video

    assert video.status == pb.VIDEO_STATUS_FAILED
    assert (video.error.code, video.error.message) == ("invalid_checkpoint", "truncated")


def test_a_watched_video_is_told_at_every_change_until_its_end(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    watch = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=30)

    seen = [next(watch).video]
    job = claim(jobs, video_id)
    seen.append(next(watch).video)
    jobs.progress(job, 40)
    seen.append(next(watch).video)
    jobs.complete(job, "k")
    seen += [answer.video for answer in watch]

    names = [pb.VideoStatus.Name(video.status).removeprefix("VIDEO_STATUS_") for video in seen]
    assert names == ["QUEUED", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    assert [video.progress for video in seen] == [0, 0, 40, 100]


def test_a_watch_of_a_video_that_is_over_ends_at_once(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    jobs.cancel(video_id)

    (answer,) = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=30)

    assert answer.video.status == pb.VIDEO_STATUS_CANCELLED


def test_a_watch_of_a_video_that_is_deleted_ends_as_not_found(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    watch = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=30)
    next(watch)

    jobs.delete(video_id)

    with pytest.raises(grpc.RpcError) as ended:
        list(watch)
    assert ended.value.code() == grpc.StatusCode.NOT_FOUND


def watching():
    """The threads of the gRPC server in which a watch waits."""
    frames = sys._current_frames().values()
    return sum("watch" in [each.name for each in traceback.extract_stack(frame)] for frame in frames)


def wait_for(condition, within=10):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_many_watches_leave_room_for_others_and_free_their_threads_when_their_callers_hang_up(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    watches = [rpc.WatchVideo(pb.WatchVideoRequest(id=video_id)) for _ in range(30)]
    for watch in watches:
        next(watch)
    wait_for(lambda: watching() == 30)

    asked_meanwhile = rpc.GetVideo(pb.GetVideoRequest(id=video_id), timeout=10).video
    for watch in watches:
        watch.cancel()

    assert asked_meanwhile.id == video_id
    wait_for(lambda: watching() == 0, within=5)
    assert jobs.get(video_id).status == "queued"


def test_a_watch_that_waits_asks_the_store_nothing(rpc, redis):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    watch = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id))
    next(watch)
    time.sleep(0.5)

    before = redis.info("commandstats")["cmdstat_xrange"]["calls"]
    time.sleep(1.5)

    assert redis.info("commandstats")["cmdstat_xrange"]["calls"] == before
    watch.cancel()


def test_a_watch_goes_on_behind_the_event_that_was_told_last(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    watch = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=30)
    known = next(watch).event_id
    watch.cancel()
    job = claim(jobs, video_id)
    jobs.progress(job, 40)
    jobs.complete(job, "k")

    answers = list(rpc.WatchVideo(pb.WatchVideoRequest(id=video_id, after=known), timeout=30))
    rest = list(rpc.WatchVideo(pb.WatchVideoRequest(id=video_id, after=answers[1].event_id), timeout=30))
    nothing = list(rpc.WatchVideo(pb.WatchVideoRequest(id=video_id, after=answers[2].event_id), timeout=30))

    kinds = [pb.VIDEO_EVENT_KIND_PROGRESS, pb.VIDEO_EVENT_KIND_PROGRESS, pb.VIDEO_EVENT_KIND_DONE]
    assert [answer.kind for answer in answers] == kinds
    assert rest == answers[2:]
    assert nothing == []


def test_watches_do_not_hold_up_the_end_of_the_server_and_are_told_to_come_back(videos, access):
    server = serve(videos, access, Leaving(videos.feed.stop), lambda: None, ("127.0.0.1", 0))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        rpc = VideoServiceStub(channel)
        video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
        watches = [rpc.WatchVideo(pb.WatchVideoRequest(id=video_id)) for _ in range(5)]
        for watch in watches:
            next(watch)

        began = time.monotonic()
        server.drain(5)

        assert time.monotonic() - began < 1.5
        for watch in watches:
            with pytest.raises(grpc.RpcError) as ended:
                next(watch)
            assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    videos.feed.close()


@pytest.mark.parametrize("variant", [None, *CONTENT])
def test_both_doors_serve_the_same_bytes(http, rpc, finished, variant):
    asked = {} if variant is None else {"variant": variant}

    chunks = rpc.DownloadVideo(pb.DownloadVideoRequest(id=finished, **asked))

    served = http.get(f"/v1/videos/{finished}/content", params=asked).content
    assert b"".join(answer.chunk for answer in chunks) == served == CONTENT[variant or "video"]


def test_a_large_video_comes_in_chunks(rpc, jobs, storage, finished, tmp_path):
    (tmp_path / "large").write_bytes(bytes(9_000_000))
    storage.put(jobs.get(finished).video_key, tmp_path / "large", "video/mp4")

    chunks = [answer.chunk for answer in rpc.DownloadVideo(pb.DownloadVideoRequest(id=finished))]

    assert len(chunks) > 2
    assert b"".join(chunks) == bytes(9_000_000)


def test_the_messages_have_the_fields_of_the_models():
    asked = {field.name for field in pb.CreateVideoRequest.DESCRIPTOR.fields}
    told = {field.name for field in pb.Video.DESCRIPTOR.fields}

    assert asked == set(VideoRequest.model_fields) | {"request_id", *INPUTS}
    assert told == set(Video.model_fields)
    for message, model in (
        (pb.ListVideosRequest, Page),
        (pb.ListVideosResponse, VideoList),
        (pb.DeleteVideoResponse, DeletedVideo),
        (pb.Timings, Timings),
        (pb.Notice, Notice),
    ):
        assert {field.name for field in message.DESCRIPTOR.fields} == set(model.model_fields)
