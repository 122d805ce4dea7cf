"""Two tenants of one service know nothing of each other."""

import pytest

from service.videos.following import Call
from service.videos.videos import Download, Page
from worker.jobs import JobNotFound, UnknownCursor

FIELDS = {"prompt": "a paper boat"}


def listed(videos, tenant):
    return [video.id for video in videos.list(tenant, Page()).data]


def test_a_tenant_lists_its_own_videos_alone(videos):
    mine = [videos.create("mine", FIELDS).video.id for _ in range(2)]
    theirs = videos.create("theirs", FIELDS).video.id

    assert listed(videos, "mine") == mine[::-1]
    assert listed(videos, "theirs") == [theirs]
    assert listed(videos, "default") == []


USES = {
    "get": lambda videos, video_id: videos.get("theirs", video_id),
    "watch": lambda videos, video_id: next(videos.watch("theirs", video_id, None, Call(), print)),
    "events": lambda videos, video_id: videos.follow("theirs", video_id, None, print),
    "cancel": lambda videos, video_id: videos.cancel("theirs", video_id),
    "delete": lambda videos, video_id: videos.delete("theirs", video_id),
    "content": lambda videos, video_id: videos.content("theirs", video_id, Download()),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_video_of_another_tenant_is_one_that_never_was(videos, finish, jobs, use):
    video_id = finish(videos.create("mine", FIELDS).video.id)
    before = jobs.get(video_id)

    told = []
    for unknown in (video_id, "video_x"):
        with pytest.raises(JobNotFound) as refused:
            use(videos, unknown)
        told.append(str(refused.value).replace(unknown, ""))

    assert told[0] == told[1]
    assert jobs.get(video_id) == before


def test_a_video_of_another_tenant_is_no_cursor_not_even_when_deleted(videos):
    video_id = videos.create("mine", FIELDS).video.id
    videos.create("theirs", FIELDS)

    for end in (lambda: None, lambda: videos.delete("mine", video_id)):
        end()
        assert videos.list("mine", Page(after=video_id)).data == []
        with pytest.raises(UnknownCursor):
            videos.list("theirs", Page(after=video_id))


def test_a_key_of_a_request_is_its_tenants_own(videos):
    mine, theirs = (videos.create(tenant, FIELDS, "k") for tenant in ("mine", "theirs"))

    assert mine.video.id != theirs.video.id
    assert not theirs.replayed
    assert videos.create("mine", FIELDS, "k").video.id == mine.video.id


def test_a_record_older_than_tenants_is_the_default_tenants(videos, redis):
    video_id = videos.create("default", FIELDS).video.id
    redis.hdel(f"ciotat:job:{video_id}", "tenant")

    assert videos.get("default", video_id).id == video_id
    assert listed(videos, "default") == [video_id]
    assert videos.delete("default", video_id).deleted
