"""Jobs as life leaves them: finished, killed, deleted, forgotten halfway. Each story says what of it is to stay."""

import secrets
from typing import NamedTuple

from model.spec import VideoSpec
from worker.files import FileStore, stored_at
from worker.files import new_id as new_file_id
from worker.jobs import LEASES, JobStore
from worker.material import Material, new_id
from worker.media import Medium
from worker.storage import LocalStorage
from worker.variants import Variant, input_key, preview_key, video_key

SPEC = VideoSpec(prompt="a paper boat", seed=7)
PICTURE = Medium(content_type="image/png", bytes=4, sha256="", width=1, height=1, frames=1, fps=None)
DAY = 24 * 3600
BYTES = b"tiny"


class Stays(NamedTuple):
    """Keys of objects: those that stay while the job does, and those of them that expire with the video; its record."""

    objects: frozenset = frozenset()
    expiring: frozenset = frozenset()
    record: str | None = None
    unfinished: bool = False
    file: str | None = None


class World:
    """One Redis, one storage, and everybody who writes to them."""

    def __init__(self, redis, storage, source):
        self.redis, self.storage = redis, storage
        self.jobs = JobStore(redis, lease_seconds=10**8, max_attempts=9, video_seconds=DAY)
        self.files = FileStore(redis)
        self._tiny = source(BYTES)

    def put(self, *keys):
        for key in keys:
            self.storage.put(key, self._tiny, "video/mp4")
        return frozenset(keys)

    def created(self, tenant="default"):
        """A job with an input, as the API makes it: first the copy, then the record."""
        material = Material(new_id(), {"input_reference": PICTURE})
        self.put(input_of(material.job_id))
        return self.jobs.create(SPEC, tenant, material)

    def claimed(self, tenant="default"):
        made = self.created(tenant)
        job = self.jobs.claim_next()
        assert job.id == made.id
        return job

    def lost(self, job):
        """The lease runs out, and another worker claims the job."""
        self.redis.zadd(LEASES, {job.id: 0})
        again = self.jobs.claim_next()
        assert (again.id, again.token) == (job.id, job.token + 1)
        return again

    def previewed(self, job, number=1):
        self.put(preview_key(job.id, job.token, number))
        self.jobs.preview(job, preview_key(job.id, job.token, number), number)

    def pointed(self, job):
        self.put(resume_of(job))
        self.jobs.point(job, resume_of(job), 30)

    def filed(self, seconds=DAY):
        file_id = new_file_id()
        self.put(stored_at(file_id, PICTURE))
        return self.files.create("default", file_id, "vision", "a.png", PICTURE, seconds)


def input_of(job_id):
    return input_key(job_id, "input_reference", PICTURE)


def resume_of(job):
    return f"videos/{job.id}/{job.token}.resume.safetensors"


def variants(job):
    return {variant.beside(video_key(job.id, job.token)) for variant in Variant}


def completed(world, tenant):
    """As it should be, but that the worker is killed before it can clear up."""
    job = world.claimed(tenant)
    world.previewed(job)
    world.pointed(job)
    video = world.put(*variants(job))
    world.jobs.complete(job, video_key(job.id, job.token))
    return Stays(video, video, job.id)


def completed_by_the_second(world, tenant):
    """The first worker, taken for dead, stored its video, and was then killed."""
    first = world.claimed(tenant)
    world.previewed(first)
    world.put(video_key(first.id, first.token))
    job = world.lost(first)
    video = world.put(*variants(job))
    world.jobs.complete(job, video_key(job.id, job.token))
    return Stays(video, video, job.id)


def failed(world, tenant):
    job = world.claimed(tenant)
    world.previewed(job, 1)
    world.previewed(job, 2)
    world.jobs.fail(job, "internal_error", "no")
    return Stays({preview_key(job.id, 1, 2)}, frozenset(), job.id)


def cancelled_while_running(world, tenant):
    """Killed between storing a preview and telling of it."""
    job = world.claimed(tenant)
    world.pointed(job)
    world.put(preview_key(job.id, job.token, 1))
    world.jobs.cancel(job.id)
    return Stays(record=job.id)


def deleted_while_running(world, tenant):
    """The worker stores its video behind the deletion, and is killed before it can take it back."""
    job = world.claimed(tenant)
    world.jobs.delete(job.id)
    world.put(video_key(job.id, job.token), resume_of(job))
    return Stays()


def half_deleted(world, tenant):
    """The API was killed when the objects had gone and the record had not."""
    job = world.claimed(tenant)
    world.jobs.cancel(job.id)
    world.storage.delete(input_of(job.id))
    return Stays(record=job.id)


def half_deleted_the_other_way(world, tenant):
    """Deleted from Redis, and not from the storage."""
    job = world.claimed(tenant)
    world.put(video_key(job.id, job.token))
    world.jobs.complete(job, video_key(job.id, job.token))
    world.jobs.forget(job.id, tenant)
    return Stays()


def running(world, tenant):
    """In the second attempt, from the point of the first; its video is stored and the commit is on its way."""
    first = world.claimed(tenant)
    world.previewed(first)
    world.put(preview_key(first.id, first.token, 2))
    world.pointed(first)
    job = world.lost(first)
    video = world.put(video_key(job.id, job.token), resume_of(job))
    stays = {input_of(job.id), preview_key(job.id, 1, 1), resume_of(first)} | video
    return Stays(stays, frozenset(), job.id, unfinished=True)


def handed_back(world, tenant):
    job = world.claimed(tenant)
    world.pointed(job)
    world.jobs.release(job)
    world.redis.zadd("ciotat:pending", {job.id: "+inf"})  # behind all that are claimed by the stories to come
    return Stays({input_of(job.id), resume_of(job)}, frozenset(), job.id, unfinished=True)


def never_recorded(world, tenant):
    """The API was killed between an input and its job, another one between an upload and its record."""
    world.put(input_of(new_id()), stored_at(new_file_id(), PICTURE))
    return Stays()


def uploaded(world, tenant):
    file = world.filed()
    return Stays({file.key}, {file.key}, file=file.id)


def half_deleted_file(world, tenant):
    file = world.filed()
    world.files.delete(file)
    return Stays()


def broken_write(world, tenant):
    """The process was killed while it wrote."""
    job_id = new_id()
    if isinstance(world.storage, LocalStorage):
        folder = world.storage._root / "videos" / job_id
        folder.mkdir(parents=True)
        (folder / ".1.mp4.type").write_bytes(b"video/mp4")
        (folder / f".1.mp4.{secrets.token_hex(4)}.part").write_bytes(b"half")
    else:
        client, bucket = world.storage._s3, world.storage._bucket
        client.create_multipart_upload(Bucket=bucket, Key=f"videos/{job_id}/1.mp4")
    return Stays()


def queued(world, tenant):
    job = world.created(tenant)
    return Stays({input_of(job.id)}, frozenset(), job.id, unfinished=True)


STORIES = [
    completed,
    completed_by_the_second,
    failed,
    cancelled_while_running,
    deleted_while_running,
    half_deleted,
    half_deleted_the_other_way,
    running,
    never_recorded,
    uploaded,
    half_deleted_file,
    broken_write,
]
WAITING = [handed_back, queued]  # last: a worker would take these first


def lived(world, number):
    """So many stories, by two tenants."""
    waiting, tenants = number // 20, ("default", "anna")
    told = [STORIES[each % len(STORIES)](world, tenants[each % 2]) for each in range(number - 2 * waiting)]
    return told + [story(world, "default") for story in WAITING for _ in range(waiting)]
