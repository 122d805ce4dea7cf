import pytest

from service.pb import videos_pb2 as pb
from service.videos.videos import Videos
from tests.claims import claim
from tests.service.conftest import CONTENT
from worker.jobs import LeaseLost, Status
from worker.storage import LocalStorage
from worker.variants import every_key, video_key


@pytest.fixture
def video(http):
    return http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"]


@pytest.fixture(params=["rest", "grpc"])
def cancel(request, http, rpc):
    """Cancels through one of the doors; the status that was told."""
    if request.param == "rest":
        return lambda video_id: http.post(f"/v1/videos/{video_id}/cancel").json()["status"]
    return lambda video_id: told(rpc.CancelVideo(pb.CancelVideoRequest(id=video_id)).video)


@pytest.fixture(params=["rest", "grpc"])
def delete(request, http, rpc):
    """Deletes through one of the doors; what was told."""
    if request.param == "rest":
        return lambda video_id: http.delete(f"/v1/videos/{video_id}").json()

    def over_grpc(video_id):
        answer = rpc.DeleteVideo(pb.DeleteVideoRequest(id=video_id))
        return {"id": answer.id, "object": answer.object, "deleted": answer.deleted}

    return over_grpc


def told(video):
    return pb.VideoStatus.Name(video.status).removeprefix("VIDEO_STATUS_").lower()


def kept(redis):
    """What Redis holds, but for what it knows of the tenant."""
    return {name for name in redis.scan_iter() if not name.startswith(("ciotat:bucket:", "ciotat:spent:"))}


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_cancelled_queued_video_never_starts(http, jobs, video, cancel):
    assert cancel(video) == "cancelled"

    after = http.get(f"/v1/videos/{video}")
    assert (after.json()["status"], after.json()["error"]) == ("cancelled", None)
    assert "openai-poll-after-ms" not in after.headers
    assert jobs.claim_next() is None


def test_a_cancelled_running_video_refuses_its_worker(jobs, video, cancel):
    job = claim(jobs, video)

    assert cancel(video) == "cancelled"

    with pytest.raises(LeaseLost):
        jobs.progress(job, 50)


def test_cancelling_again_changes_nothing(jobs, video, cancel):
    cancel(video)
    first = jobs.get(video)

    assert cancel(video) == "cancelled"

    assert jobs.get(video) == first


def test_a_deleted_finished_video_leaves_nothing(http, redis, finished, storage, tmp_path, delete):
    assert len(files(tmp_path / "videos")) >= len(CONTENT)

    assert delete(finished) == {"id": finished, "object": "video.deleted", "deleted": True}

    assert files(tmp_path / "videos") == []
    assert kept(redis) == {
        f"ciotat:events:{finished}",
        f"ciotat:place:default:{finished}",
        "ciotat:pace:ciotat-1:512x512:5:20:guided",  # how long videos like it take
    }
    assert http.get(f"/v1/videos/{finished}").status_code == 404


def test_a_deleted_queued_video_never_starts(jobs, redis, video, delete):
    delete(video)

    assert jobs.claim_next() is None
    assert jobs.unfinished() == []


def test_a_deleted_running_video_is_not_brought_back_by_its_worker(jobs, redis, video, delete):
    job = claim(jobs, video)

    delete(video)

    for write in (
        lambda: jobs.progress(job, 50),
        lambda: jobs.complete(job, "k"),
        lambda: jobs.fail(job, "c", "m"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert kept(redis) == {
        f"ciotat:events:{video}",
        f"ciotat:place:default:{video}",
    }


def test_what_a_lost_attempt_had_stored_goes_with_the_video(
    jobs, redis, video, finish, storage, tmp_path, delete
):
    lost = claim(jobs, video)
    (tmp_path / "made").write_bytes(b"stored, then the worker was killed")
    storage.put(video_key(video, lost.token), tmp_path / "made", "video/mp4")
    redis.zadd("ciotat:leases", {video: 1.0})
    finish(video)

    delete(video)

    assert files(tmp_path / "videos") == []


def test_a_video_that_ends_while_it_is_being_deleted_is_deleted(
    http, jobs, video, finish, tmp_path, monkeypatch
):
    cancel = jobs.cancel

    def a_moment_too_late(video_id):
        finish(video_id)
        return cancel(video_id)

    monkeypatch.setattr(jobs, "cancel", a_moment_too_late)

    assert http.delete(f"/v1/videos/{video}").status_code == 200

    assert files(tmp_path / "videos") == []


def test_a_worker_that_commits_while_its_video_is_being_deleted_is_refused(
    opened, jobs, checkpoints, video, tmp_path, inputs
):
    job = claim(jobs, video)
    refused = []

    class Meanwhile(LocalStorage):
        """While objects are being removed, the worker has stored its own and commits."""

        def delete(self, key):
            super().delete(key)
            with pytest.raises(LeaseLost):
                jobs.complete(job, video_key(video, job.token))
            refused.append(key)

    http, _ = opened(Videos(jobs, print, Meanwhile(tmp_path), checkpoints, inputs))

    assert http.delete(f"/v1/videos/{video}").status_code == 200

    assert refused == every_key(video, job.token)


def test_a_cancelled_video_is_told_as_final(http, jobs, video):
    told = http.post(f"/v1/videos/{video}/cancel")

    assert told.json() == http.get(f"/v1/videos/{video}").json()
    assert told.json()["completed_at"] >= told.json()["created_at"]
    assert jobs.get(video).status is Status.CANCELLED
