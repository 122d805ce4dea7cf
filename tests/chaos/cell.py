"""One cell of the matrix: one video, one fault at one point, and everything that has to be true afterwards."""

import secrets
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import httpx2
from redis.exceptions import RedisError

from tests.chaos.audit import audited, leftovers
from tests.chaos.checkpoints import VIDEO
from tests.chaos.faults import Moment
from tests.chaos.lane import UNFINISHED, wait_for
from tests.chaos.points import BELL, DWELL, Point

DWELL_SECONDS = 0.25
END_SECONDS = 240.0  # within which a video has to have come to its end
EVENT_SECONDS = 60.0  # and its webhook
TIDY_SECONDS = 8.0  # within which its worker, if there is one, has removed what is passing
RECOVERY_SECONDS = 5.0  # from a kill to the next claim, beside the lease


@dataclass
class Cell:
    """What came of it; times are seconds."""

    fault: str
    point: str
    status: str = ""
    attempts: int = 0
    recovery: float | None = None  # from the fault to the next claim
    saved: int | None = None  # percent at the last resume point of the first attempt
    resumed: int | None = None  # percent with which the second attempt began
    lost: float | None = None  # from the last point to the last step behind it
    left: list[str] = field(default_factory=list)  # objects that are the sweeper's
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    meaningless: str = ""

    def told(self):
        """For the JSON."""
        return asdict(self)


class Run:
    """A cell that is being made."""

    def __init__(self, lane, fault, point, reference, lease):
        self.lane, self.fault, self.point, self.reference, self.lease = lane, fault, point, reference, lease
        self.cell = Cell(fault.name, point.value)
        self.key = secrets.token_hex(8)
        self.fields = VIDEO | {"metadata": {DWELL: str(DWELL_SECONDS)}}

    def run(self):
        """The cell, whatever became of it."""
        began = time.monotonic()
        try:
            self.lane.await_ready()
            began = time.monotonic()
            self._run()
        except (TimeoutError, AssertionError, httpx2.HTTPError, OSError, RedisError) as failed:
            self.cell.problems.append(f"{type(failed).__name__}: {failed}")
            self._give_up()
        self.cell.seconds = round(time.monotonic() - began, 1)
        self.cell.problems += self.lane.deaths
        self.lane.deaths.clear()
        return self.cell

    def _give_up(self):
        """Whatever was held goes on and whatever is unfinished ends, so that the next cell begins as this one did."""
        for point in (*Point, BELL):
            self.lane.control.go(point)
        with suppress(RedisError):
            self.lane.mend()
            for job_id in self.lane.jobs.unfinished():
                self.lane.jobs.cancel(job_id)

    def _run(self):
        at_bell = self.fault.name == "kill -9 API" and self.point is Point.CLAIM
        point = BELL if at_bell else self.point
        self.lane.control.hold(point)
        video_id = self._create_unanswered() if at_bell else self.lane.create(self.fields, self.key)
        moment = Moment(self.lane, point, self.lane.control.at(point), video_id)
        at = time.time()
        self.fault.make(moment)
        self._await_end(video_id)
        self.lane.await_apis()
        assert self.lane.create(self.fields, self.key, api=1) == video_id, "the key stands for another video"
        self._measure(video_id, at)
        self.cell.problems += [*self._as_expected(), *audited(self.lane, video_id, self.cell.status)]
        self.cell.left = self._left(video_id)
        self.cell.problems += self._other_bytes(video_id)

    def _create_unanswered(self):
        """The id of a video whose creator gets no answer, because the API process is killed behind its write."""

        def create():
            with suppress(httpx2.TransportError):
                self.lane.create(self.fields, self.key)

        threading.Thread(target=create, daemon=True).start()
        self.lane.control.at(BELL)
        return self.lane.redis.zrange("ciotat:pending", 0, -1)[0]

    def _await_end(self, video_id):
        def over():
            self.lane.watch()
            return self.lane.record(video_id)["status"] not in UNFINISHED

        wait_for(over, END_SECONDS, f"no end: {self.lane.record(video_id)}")
        told = wait_for(lambda: self.lane.events(video_id), EVENT_SECONDS, "no webhook arrived")
        time.sleep(0.2)  # a second one would be wrong; the audit looks again at the end of the lane
        return told

    def _measure(self, video_id, at):
        record = self.lane.record(video_id)
        traces = self.lane.control.traces(job=video_id)
        claims = [trace for trace in traces if trace["what"] == "claim"]
        self.cell.status, self.cell.attempts = record["status"], int(record["attempts"])
        later = [claim for claim in claims if claim["token"] > 1]
        if not later:
            return
        self.cell.recovery = round(later[0]["time"] - at, 2)
        self.cell.resumed = later[0]["progress"]
        first = [trace for trace in traces if trace["token"] == 1]
        points = [trace for trace in first if trace["what"] == "point"]
        self.cell.saved = points[-1]["percent"] if points else 0
        worked = [trace["time"] for trace in first if trace["what"] == "step"]
        if worked:
            self.cell.lost = round(max(0.0, worked[-1] - (points or first)[-1 if points else 0]["time"]), 2)

    def _as_expected(self):
        cell = self.cell
        if cell.status != self.fault.end_at(self.point):
            yield cell.status
        if cell.attempts not in self.fault.attempts_at(self.point):
            yield f"{cell.attempts} attempts"
        if (cell.resumed or 0) < (cell.saved or 0):
            yield f"begun again at {cell.resumed} %, saved at {cell.saved} %"
        if self.fault.resumes and cell.attempts > 1 and not cell.resumed:
            yield "begun again, not resumed"
        if self.fault.resumes and (cell.recovery or 0) > self.lease + RECOVERY_SECONDS:
            yield f"claimed again after {cell.recovery} s"

    def _left(self, video_id):
        """What its worker has not removed soon either: the sweeper's."""
        with suppress(TimeoutError):
            wait_for(lambda: not leftovers(self.lane, video_id), TIDY_SECONDS, "some are left")
        return leftovers(self.lane, video_id)

    def _other_bytes(self, video_id):
        if self.cell.status != "completed":
            return []
        digests = {self.lane.digest(video_id, api) for api in range(len(self.lane.apis))}
        return [] if digests == {self.reference} else ["its bytes are not those of an undisturbed run"]
