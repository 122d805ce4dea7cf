"""Clients, workers and reapers in any order, with bells and answers lost, against what they are promised."""

from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from model.spec import VideoSpec
from worker.admission import LOAD, unfinished_of
from worker.jobs import LEASES, PENDING, Job, JobNotFound, JobOver, JobStore, LeaseLost, connect, key
from worker.outbox import EVENTS, event_key, owed, subscribed
from worker.reaper import LOCK, Reaper

BELLS = "ciotat"
MOST_ATTEMPTS = 2
WORKERS = 3
SPECS = [VideoSpec(prompt="a paper boat", seed=7, steps=steps) for steps in (10, 20)]
OVER = ("completed", "failed", "cancelled")
some = st.integers(0, 99)  # of a list, whatever its length
who = st.integers(0, WORKERS - 1)


@dataclass
class Known:
    """What is promised of one job, by all that has happened to it."""

    id: str
    cost: int
    status: str = "queued"
    attempts: int = 0
    token: int = 0
    progress: int = 0
    point: int | None = None
    error: str | None = None
    final: dict = field(default_factory=dict)


class Protocol(RuleBasedStateMachine):
    """Three workers, any number of replicas."""

    def __init__(self, redis):
        super().__init__()
        redis.flushall()
        for kind in EVENTS:
            redis.sadd(subscribed("default", kind), "we_1")
        self.redis = redis
        self.jobs = JobStore(redis, lease_seconds=60, max_attempts=MOST_ATTEMPTS)
        self.known: dict[str, Known] = {}  # in the order of their creation
        self.holds: list[Job | None] = [None] * WORKERS
        self.old: list[Job] = []  # claims of workers that are dead, or slept
        self.ends: Counter[str] = Counter()  # events that were owed, by job
        self.claims = self.lapses = 0

    # What clients do.

    @rule(spec=st.sampled_from(SPECS), heard=st.booleans())
    def create(self, spec, heard):
        job = self.jobs.create(spec)
        self.known[job.id] = Known(job.id, spec.cost)
        if heard:
            self.redis.lpush(BELLS, job.id)

    @precondition(lambda self: self.known)
    @rule(number=some)
    def cancel(self, number):
        known = self._one(number)
        expected = JobOver if known.status in ("completed", "failed") else None
        expected = JobNotFound if known.status == "deleted" else expected
        with pytest.raises(expected) if expected else nullcontext():
            self.jobs.cancel(known.id)
        if known.status in ("queued", "in_progress"):
            known.status = "cancelled"

    @precondition(lambda self: self.known)
    @rule(number=some)
    def delete(self, number):
        known = self._one(number)
        with pytest.raises(JobNotFound) if known.status == "deleted" else nullcontext():
            self.jobs.delete(known.id)
        known.status = "deleted"

    # What workers do.

    @rule(worker=who, heard=st.booleans())
    def answer_a_bell(self, worker, heard):
        if self.holds[worker] is not None or self.redis.rpop(BELLS) is None:
            return
        expected = self._next()
        self.claims += 1
        job = self.jobs.claim_next(f"claim {self.claims}")
        if not heard:
            assert self.jobs.claim_next(f"claim {self.claims}") == job
        assert (job and job.id) == (expected and expected.id)
        if job is None:
            return
        expected.status, expected.error = "in_progress", None
        expected.attempts, expected.token = expected.attempts + 1, expected.token + 1
        expected.progress = expected.point or 0
        assert (job.attempts, job.token, job.progress) == (
            expected.attempts,
            expected.token,
            expected.progress,
        )
        assert job.resume_key == (None if expected.point is None else f"{job.id}/point")
        self.holds[worker] = job

    @rule(worker=who, percent=st.integers(0, 99))
    def beat(self, worker, percent):
        self._write(self.holds[worker], "progress", percent)

    @rule(worker=who, percent=st.integers(0, 99))
    def point(self, worker, percent):
        self._write(self.holds[worker], "point", percent)

    @rule(worker=who, act=st.sampled_from(["complete", "fail", "give_up", "release"]), heard=st.booleans())
    def commit(self, worker, act, heard):
        job, self.holds[worker] = self.holds[worker], None
        taken = self._write(job, act)
        if taken and not heard:
            self._unchanged(lambda: ACTS[act](self.jobs, job, 0))

    @rule(worker=who)
    def die_or_sleep(self, worker):
        job, self.holds[worker] = self.holds[worker], None
        if job is not None:
            self.old.append(job)

    @precondition(lambda self: self.old)
    @rule(
        number=some,
        act=st.sampled_from(["renew", "progress", "point", "complete", "fail", "give_up", "release"]),
    )
    def come_back_late(self, number, act):
        self._write(self.old[number % len(self.old)], act, 99)

    # What happens.

    @rule(number=some)
    def a_lease_runs_out(self, number):
        leased = self.redis.zrange(LEASES, 0, -1)
        if leased:
            self.lapses += 1
            self.redis.zadd(LEASES, {leased[number % len(leased)]: self.lapses})

    @rule(times=st.sampled_from([0, 2]))
    def a_bell_is_lost_or_doubled(self, times):
        if bell := self.redis.rpop(BELLS):
            for _ in range(times):
                self.redis.lpush(BELLS, bell)

    @rule()
    def two_replicas_reap(self):
        """The second one looks before the bells of the first have arrived."""
        for known in self._lapsed():
            self._lost_for_good(known)
        waits = len(self._lapsed()) + sum(known.status == "queued" for known in self.known.values())
        bells = self.redis.llen(BELLS)
        rung: list[str] = []
        self.redis.delete(LOCK)
        for _ in range(2):
            Reaper(self.redis, BELLS, rung.append, MOST_ATTEMPTS).turn()
        for bell in rung:
            self.redis.lpush(BELLS, bell)
        assert len(rung) == max(0, waits - bells)

    # What is promised.

    @invariant()
    def records_are_as_they_should_be(self):
        for known in self.known.values():
            record = self.redis.hgetall(key(known.id))
            if known.status == "deleted":
                assert record == {}
                continue
            told = record["status"], record["attempts"], record["token"], record.get("error_code")
            assert told == (known.status, str(known.attempts), str(known.token), known.error)
            assert known.attempts <= MOST_ATTEMPTS
            if known.status in OVER:
                known.final = known.final or record
                assert record == known.final
                assert "resume_key" not in record
            else:
                assert int(record["progress"]) == known.progress

    @invariant()
    def an_unfinished_job_is_in_one_place_and_the_queue_in_order(self):
        queued = [known.id for known in self.known.values() if known.status == "queued"]
        running = {known.id for known in self.known.values() if known.status == "in_progress"}
        assert self.redis.zrange(PENDING, 0, -1) == queued
        assert set(self.redis.zrange(LEASES, 0, -1)) == running

    @invariant()
    def limits_are_held_by_unfinished_jobs(self):
        held = {
            job.id: str(job.cost) for job in self.known.values() if job.status in ("queued", "in_progress")
        }
        assert self.redis.hgetall(unfinished_of("default")) == held
        assert int(self.redis.get(LOAD) or 0) == sum(map(int, held.values()))

    @invariant()
    def each_end_is_told_once(self):
        for event in self.redis.zrange(owed("we_1"), 0, -1):
            self.ends[self.redis.hget(event_key(event), "video")] += 1
        self.redis.delete(owed("we_1"))
        for known in self.known.values():
            told = [
                entry["status"]
                for _, entry in self.redis.xrange(f"ciotat:events:{known.id}")
                if "status" in entry
            ]
            if known.status in OVER:
                assert (told, self.ends[known.id]) == ([known.status], 1)
            elif known.status == "deleted":
                assert len(told) == 1
                assert self.ends[known.id] == (told != ["deleted"])
            else:
                assert (told, self.ends[known.id]) == ([], 0)

    def teardown(self):
        """All workers are dead; with one more and a reaper, every job comes to an end."""
        self.old += [job for job in self.holds if job is not None]
        self.holds = [None] * WORKERS
        turns = 0
        while any(known.status in ("queued", "in_progress") for known in self.known.values()):
            turns += 1
            assert turns <= 2 + MOST_ATTEMPTS * len(self.known)
            for _ in range(self.redis.zcard(LEASES)):
                self.a_lease_runs_out(0)
            self.two_replicas_reap()
            while self.redis.llen(BELLS):
                self.answer_a_bell(0, True)
                self.commit(0, "complete", True)
        self._all_is_as_promised()
        for job in self.old:
            for act in ACTS:
                self._write(job, act)
        self._all_is_as_promised()

    def _all_is_as_promised(self):
        self.records_are_as_they_should_be()
        self.an_unfinished_job_is_in_one_place_and_the_queue_in_order()
        self.limits_are_held_by_unfinished_jobs()
        self.each_end_is_told_once()

    def _one(self, number):
        return list(self.known.values())[number % len(self.known)]

    def _lapsed(self):
        """Jobs whose lease has run out, the first one first."""
        return [self.known[each] for each in self.redis.zrange(LEASES, 0, 1e9, byscore=True)]

    def _lost_for_good(self, known):
        if known.attempts == MOST_ATTEMPTS:
            known.status, known.error = "failed", "worker_lost"

    def _next(self):
        """Whose turn it is; who is lost for good on the way there is failed."""
        for known in self._lapsed():
            self._lost_for_good(known)
            if known.status == "in_progress":
                return known
        return next((known for known in self.known.values() if known.status == "queued"), None)

    def _write(self, job, act, percent=0):
        """True when it was taken: by whom the job was claimed last, as long as it has not ended or gone back."""
        if job is None:
            return False
        known = self.known[job.id]
        if known.token != job.token or known.status != "in_progress":
            self._refused(known, job, act, percent)
            return False
        ACTS[act](self.jobs, job, percent)
        self._taken(known, act, percent)
        return True

    def _taken(self, known, act, percent):
        last = known.attempts == MOST_ATTEMPTS
        match act:
            case "progress":
                known.progress = max(known.progress, percent)
            case "point":
                known.point = percent
            case "complete":
                known.status = "completed"
            case "fail":
                known.status, known.error = "failed", "internal_error"
            case "give_up" if last:
                known.status, known.error = "failed", "storage_unavailable"
            case "give_up" | "release":
                known.status, known.progress = "queued", known.point or 0
                known.attempts -= act == "release"

    def _refused(self, known, job, act, percent):
        """What an old token says changes nothing; what its own last word was may be said again."""
        with suppress(LeaseLost):
            self._unchanged(lambda: ACTS[act](self.jobs, job, percent))
            assert known.token == job.token
            assert AGREED[act] & {known.status}

    def _unchanged(self, act):
        def seen():
            names = sorted(self.redis.scan_iter())
            kinds = [self.redis.type(name) for name in names]
            return [(name, READ[kind](self.redis, name)) for name, kind in zip(names, kinds, strict=True)]

        before = seen()
        try:
            act()
        finally:
            assert seen() == before


ACTS = {
    "renew": lambda jobs, job, percent: jobs.renew(job),
    "progress": lambda jobs, job, percent: jobs.progress(job, percent),
    "point": lambda jobs, job, percent: jobs.point(job, f"{job.id}/point", percent),
    "complete": lambda jobs, job, percent: jobs.complete(job, "k"),
    "fail": lambda jobs, job, percent: jobs.fail(job, "internal_error", "why"),
    "give_up": lambda jobs, job, percent: jobs.give_up(job, "storage_unavailable", "why"),
    "release": lambda jobs, job, percent: jobs.release(job),
}
AGREED = {
    "renew": set(),
    "progress": set(),
    "point": set(),
    "complete": {"completed"},
    "fail": {"failed"},
    "give_up": {"queued", "failed"},
    "release": {"queued"},
}
READ = {
    "hash": lambda redis, name: redis.hgetall(name),
    "zset": lambda redis, name: redis.zrange(name, 0, -1, withscores=True),
    "stream": lambda redis, name: redis.xlen(name),
    "list": lambda redis, name: redis.lrange(name, 0, -1),
    "set": lambda redis, name: redis.smembers(name),
    "string": lambda redis, name: redis.get(name),
    "none": lambda redis, name: None,
}


def test_whatever_happens_every_job_reaches_one_end_and_old_tokens_change_nothing(redis_url):
    with connect(redis_url) as redis:
        run_state_machine_as_test(
            lambda: Protocol(redis), settings=settings(max_examples=50, stateful_step_count=30, deadline=None)
        )
