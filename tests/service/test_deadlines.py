"""A deadline bounds the call, not the job."""

import os
import signal
from contextlib import contextmanager

import grpc
import pytest

from service.pb import videos_pb2 as pb
from service.processes.local import valkey
from service.videos.videos import Videos
from tests.claims import claim
from tests.service.test_local import children
from worker.jobs import JobStore, connect


@contextmanager
def stalled(server):
    """A Valkey that answers nothing, and then goes on with all that it was asked."""
    (pid,) = children(server.process.pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_creation_whose_deadline_passes_is_made_all_the_same_and_told_when_it_is_repeated(
    opened, queue, storage, checkpoints, inputs, tmp_path
):
    with valkey(tmp_path / "own") as server:
        own = Videos(JobStore(connect(server.url)), queue.append, storage, checkpoints, inputs)
        _, rpc = opened(own)
        request = pb.CreateVideoRequest(prompt="a boat", request_id="once")
        rpc.ListVideos(pb.ListVideosRequest(), timeout=20)

        with stalled(server), pytest.raises(grpc.RpcError) as late:
            rpc.CreateVideo(request, timeout=0.5)
        again = rpc.CreateVideo(request, timeout=20).video

        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        listed = rpc.ListVideos(pb.ListVideosRequest(), timeout=20).data
        assert [video.id for video in listed] == [again.id]
        assert set(queue) == {again.id}
        own.feed.close()


def test_a_watch_whose_deadline_passes_leaves_its_video_alone(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    job = claim(jobs, video_id)
    watch = rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=0.5)

    with pytest.raises(grpc.RpcError) as late:
        list(watch)

    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    jobs.progress(job, 50)
    jobs.complete(job, "k")
    assert rpc.GetVideo(pb.GetVideoRequest(id=video_id)).video.status == pb.VIDEO_STATUS_COMPLETED
