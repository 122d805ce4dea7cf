"""What has to be true of a video that has come to its end, whatever was done to the service meanwhile."""

import time
from itertools import pairwise

from tests.chaos.lane import UNFINISHED
from worker.sweeper import Sweeper

GONE = "worker that is gone"  # of which there are many here
LATER = 25 * 3600.0  # seconds, after which the sweeper takes what a broken write has left for nobody's

STORED = ("mp4", "preview.webp", "spritesheet.jpg", "thumbnail.webp")


def audited(lane, video_id, status):
    """Everything that is not so."""
    record = lane.record(video_id)
    yield from _its_log(lane, video_id, int(record["token"]))
    told = set(lane.events(video_id))
    if {kind for _, kind in told} != {f"video.{status}"} or len(told) != 1:
        yield f"its events are {told}"
    if status == "completed" and len(kept(lane, video_id, record["token"])) != len(STORED):
        yield f"its objects are {lane.objects(video_id)}"
    if status == "completed" and record["video_key"] != f"videos/{video_id}/{record['token']}.mp4":
        yield f"its record names the video of another attempt: {record['video_key']}"
    yield from _given_back(lane, video_id, record)


def _its_log(lane, video_id, token):
    """One end, and progress that goes back with an attempt alone."""
    events = [event for _, event in lane.redis.xrange(f"ciotat:events:{video_id}")]
    if [event["kind"] for event in events].count("done") != 1 or events[-1]["kind"] != "done":
        yield "its log has not one end"
    shown = [int(event["progress"]) for event in events if "progress" in event]
    if sum(after < before for before, after in pairwise(shown)) > token - 1:
        yield f"progress went back within an attempt: {shown}"


def _given_back(lane, video_id, record):
    for key in ("ciotat:pending", "ciotat:leases"):
        if lane.redis.zscore(key, video_id) is not None:
            yield f"it is still in {key}"
    if lane.redis.hexists("ciotat:unfinished:default", video_id):
        yield "its limits were not given back"
    if "resume_key" in record:
        yield "its record has a resume point"


def kept(lane, video_id, token):
    """The objects that its record names."""
    final = [f"videos/{video_id}/{token}.{suffix}" for suffix in STORED]
    return [key for key in lane.objects(video_id) if key in final]


def leftovers(lane, video_id):
    """Objects of attempts that were killed: the sweeper's."""
    keep = kept(lane, video_id, lane.record(video_id)["token"])
    return [key.rpartition("/")[2] for key in lane.objects(video_id) if key not in keep]


def swept(lane):
    """What is not as it has to be when the sweeper has been, a day later; how much it has removed."""
    tally = Sweeper(lane.redis, lane.storage, clock=lambda: time.time() + LATER).sweep()
    problems = [f"unaccounted for: {what}" for what in tally.named]
    if repaired := {what for what, times in tally.repaired.items() if times} - {GONE}:
        problems.append(f"the sweeper had to repair {repaired}")
    records = {video: lane.record(video) for video in lane.redis.zrange("ciotat:jobs", 0, -1)}
    named = {key for video, record in records.items() for key in kept(lane, video, record["token"])}
    named |= {record.get("preview_key") for record in records.values()}  # of what has failed
    problems += [f"left after the sweep: {key}" for key in lane.objects() if key not in named]
    problems += [
        f"unfinished: {video}" for video, record in records.items() if record["status"] in UNFINISHED
    ]
    return problems, tally.removed
