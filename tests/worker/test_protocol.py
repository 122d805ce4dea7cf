"""Clients, workers and reapers in any order, with bells and answers lost, against what they are promised."""

from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
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
UNFINISHED = ("queued", "in_progress")
some = st.integers(0, 99)  # of a list, whatever its length


def at_work(protocol):
    return any(protocol.holds)


def idle(protocol):
    return not all(protocol.holds)


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

    @initialize(specs=st.lists(st.sampled_from(SPECS), min_size=3, max_size=5))
    def begin(self, specs):
        for spec in specs:
            self.create(spec, True)
        for _ in range(WORKERS - 1):
            self.answer_a_bell(True)

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
        if known.status in UNFINISHED:
            known.status = "cancelled"

    @precondition(lambda self: self.known)
    @rule(number=some)
    def delete(self, number):
        known = self._one(number)
        with pytest.raises(JobNotFound) if known.status == "deleted" else nullcontext():
            self.jobs.delete(known.id)
        known.status = "deleted"

    # What workers do.

    @precondition(idle)
    @rule(heard=st.booleans())
    def answer_a_bell(self, heard):
        """One that lies there, or one that is heard although it was lost."""
        self.redis.rpop(BELLS)
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
        self.holds[self.holds.index(None)] = job

    @precondition(at_work)
    @rule(number=some, percents=st.lists(st.integers(0, 99), min_size=1, max_size=3))
    def beat(self, number, percents):
        for percent in percents:
            self._write(self.holds[self._worker(number)], "progress", percent)

    @precondition(at_work)
    @rule(number=some, percent=st.integers(0, 99))
    def point(self, number, percent):
        self._write(self.holds[self._worker(number)], "point", percent)

    @precondition(at_work)
    @rule(number=some, act=st.sampled_from(["complete", "fail"]), heard=st.booleans())
    def end(self, number, act, heard):
        self._commit(number, act, heard)

    @precondition(at_work)
    @rule(number=some, act=st.sampled_from(["release", "give_up"]), heard=st.booleans())
    def hand_back(self, number, act, heard):
        self._commit(number, act, heard)

    def _commit(self, number, act, heard):
        worker = self._worker(number)
        job, self.holds[worker] = self.holds[worker], None
        taken = self._write(job, act)
        if taken and not heard:
            self._unchanged(lambda: ACTS[act](self.jobs, job, 0))

    @precondition(at_work)
    @rule(number=some)
    def die_or_sleep(self, number):
        worker = self._worker(number)
        self.old.append(self.holds[worker])
        self.holds[worker] = None

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
        waits = sum(known.status == "in_progress" for known in self._lapsed())
        waits += sum(known.status == "queued" for known in self.known.values())
        bells = self.redis.llen(BELLS)
        rung: list[str] = []
        for _ in range(2):
            Reaper(self.redis, BELLS, rung.append, MOST_ATTEMPTS).turn()
        self.redis.delete(LOCK)
        for bell in rung:
            self.redis.lpush(BELLS, bell)
        assert len(rung) == max(0, waits - bells)

    # What is promised.

    @invariant()
    def all_is_as_promised(self):
        with self.redis.pipeline() as read:
            read.zrange(PENDING, 0, -1)
            read.zrange(LEASES, 0, -1)
            read.hgetall(unfinished_of("default"))
            read.get(LOAD)
            for job_id in self.known:
                read.hgetall(key(job_id))
                read.xrange(f"ciotat:events:{job_id}")
            queue, leased, held, load, *of_jobs = read.execute()
        self._an_unfinished_job_is_in_one_place_and_the_queue_in_order(queue, leased)
        self._limits_are_held_by_unfinished_jobs(held, load)
        self._count_events()
        for known, record, events in zip(self.known.values(), of_jobs[::2], of_jobs[1::2], strict=True):
            self._a_record_is_as_it_should_be(known, record)
            self._an_end_is_told_once(known, [event["status"] for _, event in events if "status" in event])

    def _an_unfinished_job_is_in_one_place_and_the_queue_in_order(self, queue, leased):
        assert queue == [known.id for known in self.known.values() if known.status == "queued"]
        assert set(leased) == {known.id for known in self.known.values() if known.status == "in_progress"}

    def _limits_are_held_by_unfinished_jobs(self, held, load):
        costs = {known.id: known.cost for known in self.known.values() if known.status in UNFINISHED}
        assert {job_id: int(cost) for job_id, cost in held.items()} == costs
        assert int(load or 0) == sum(costs.values())

    def _a_record_is_as_it_should_be(self, known, record):
        if known.status == "deleted":
            assert record == {}
            return
        told = record["status"], record["attempts"], record["token"], record.get("error_code")
        assert told == (known.status, str(known.attempts), str(known.token), known.error)
        assert known.attempts <= MOST_ATTEMPTS
        if known.status in UNFINISHED:
            assert int(record["progress"]) == known.progress
        else:
            known.final = known.final or record
            assert record == known.final
            assert "resume_key" not in record

    def _count_events(self):
        """What is owed is paid at once, so that an event that is owed again is seen."""
        for event in self.redis.zrange(owed("we_1"), 0, -1):
            self.ends[self.redis.hget(event_key(event), "video")] += 1
            self.redis.zrem(owed("we_1"), event)

    def _an_end_is_told_once(self, known, told):
        if known.status == "deleted":
            assert len(told) == 1
            assert self.ends[known.id] == (told != ["deleted"])
        else:
            once = known.status not in UNFINISHED
            assert (told, self.ends[known.id]) == ([known.status] * once, once)

    def teardown(self):
        """All workers are dead; with one more and a reaper, every job comes to an end."""
        self.old += [job for job in self.holds if job is not None]
        self.holds = [None] * WORKERS
        turns = 0
        while any(known.status in UNFINISHED for known in self.known.values()):
            turns += 1
            assert turns <= 2 + MOST_ATTEMPTS * len(self.known)
            for number in range(self.redis.zcard(LEASES)):
                self.a_lease_runs_out(number)
            self.two_replicas_reap()
            while self.redis.llen(BELLS):
                self.answer_a_bell(True)
                if at_work(self):
                    self.end(0, "complete", True)
        self.all_is_as_promised()
        for job in self.old[-5:]:
            for act in ACTS:
                self._write(job, act)
        self.all_is_as_promised()

    def _worker(self, number):
        working = [worker for worker, job in enumerate(self.holds) if job is not None]
        return working[number % len(working)]

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
        before = self.redis.eval(DIGEST, 0)
        try:
            act()
        finally:
            assert self.redis.eval(DIGEST, 0) == before


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
DIGEST = """
local names, all = redis.call('KEYS', '*'), {}
table.sort(names)
for i, name in ipairs(names) do all[i] = name .. redis.call('DUMP', name) end
return redis.sha1hex(table.concat(all))
"""


def test_whatever_happens_every_job_reaches_one_end_and_old_tokens_change_nothing(redis_url):
    with connect(redis_url) as redis:
        run_state_machine_as_test(
            lambda: Protocol(redis),
            settings=settings(
                max_examples=60, stateful_step_count=30, deadline=None, phases=[Phase.generate]
            ),
        )
