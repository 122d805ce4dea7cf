"""One client's way through what happens to a video: from an event to the next ones, until the end."""

import threading
import time
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from service.errors import InvalidField
from service.videos.feed import Feed
from service.videos.video import VideoError
from worker.events import START, Event, EventLog, Kind, Told, is_event_id
from worker.jobs import Status

PATIENCE_SECONDS = 15.0  # the longest that nobody looks into the log, and that a stream is silent
LAST_EVENT_ID = "Last-Event-ID"


class VideoEvent(BaseModel):
    """Something that has happened to a video; what does not belong to its kind is left out."""

    object: Literal["video.event"] = "video.event"
    video_id: str
    status: Status | Literal["deleted"]
    queue_position: int | None = None
    progress: int | None = None
    error: VideoError | None = None

    @classmethod
    def of(cls, video_id: str, event: Event) -> "VideoEvent":
        """The public face of an event."""
        running = Status.QUEUED if event.kind is Kind.QUEUED else Status.IN_PROGRESS
        error = None
        if event.error_code:
            error = VideoError(code=event.error_code, message=event.error_message or "")
        return cls(
            video_id=video_id,
            status=event.status or running,
            queue_position=event.queue_position,
            progress=event.progress,
            error=error,
        )


class Following:
    """A place in the log of one job, which goes on with what is read.

    `check` raises where the follower may listen no longer. It is asked when the feed wakes everybody, as it does when a
    key is made or revoked, and, since a word can be lost, as often as a silent stream looks into its log.
    """

    def __init__(
        self, log: EventLog, feed: Feed, video_id: str, after: str | None, check: Callable[[], None]
    ) -> None:
        if after is not None and not is_event_id(after):
            raise InvalidField(LAST_EVENT_ID, "the id of an event, such as 1763846716123-0 (in gRPC: after)")
        self.video_id = video_id
        self.feed = feed
        self._log = log
        self._position = after or START
        self._check = check
        self._checked = (feed.rounds, time.monotonic())

    def read(self) -> Told:
        """What has happened since the last time."""
        rounds, at = self._checked
        if rounds != self.feed.rounds or time.monotonic() - at >= PATIENCE_SECONDS:
            now = (self.feed.rounds, time.monotonic())
            self._check()
            self._checked = now
        told = self._log.after(self.video_id, self._position)
        if told.events:
            self._position = told.events[-1].id
        return told

    def skip(self) -> str:
        """Go on behind the latest event; its id."""
        self._position = self._log.last(self.video_id)
        return self._position


class Call:
    """A caller in a thread of its own, who waits for more or hangs up."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self.over = False

    def wake(self) -> None:
        """There may be more."""
        self._changed.set()

    def hang_up(self) -> None:
        """Nobody listens any more."""
        self.over = True
        self._changed.set()

    def wait(self) -> None:
        """Until woken, or until it is time to look again."""
        self._changed.wait(PATIENCE_SECONDS)
        self._changed.clear()
