"""Looks after the processes of one worker, from a thread that waits for nothing: not for Redis, not for Celery's loop.

A process that is at work and makes no step is killed: its pool replaces it, the lease gives its video back. A consumer
that asks for no messages although Redis answers, and a pool whose processes do not start, end the worker: whoever
supervises replaces it. A worker that was told to end is gone in time, whatever its processes and Redis do.
"""

import atexit
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Never

from celery import bootsteps
from celery.worker import state

from worker.jobs import JobStore, StoreUnavailable, connect
from worker.notes import COLD, LOADED, Notes
from worker.settings import Settings
from worker.silence import Silence
from worker.warmth import consuming

LOOK_EVERY = 0.25
ANSWER_SECONDS = 1.0  # a Redis that takes longer to answer is away
DEAF_SECONDS = 45.0  # longer than Celery waits between two tries to connect, which is up to 30
HURRY_SECONDS = 5.0  # left to a worker that is told to end a second time
UNWINDING_SECONDS = 5.0  # for an end in good order
STARTS = 3  # processes that die in a row before they have begun a video, and it ends
FAILED_STATUS = 1
COLD_STATUS = 78  # EX_CONFIG: to start again is of no use
log = logging.getLogger(__name__)


class Watching(bootsteps.StartStopStep):
    """The part of the worker that watches the others, from before the first message to after the last."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        notes = Notes.create()
        atexit.register(notes.remove)
        self._watch = Watch(worker, Settings(), notes)

    def start(self, worker: Any) -> None:
        """Watch, and take over the signals: for both the worker ends what it is at, and takes nothing more."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._watch.told_to_end)
        self._watch.start()

    def stop(self, worker: Any) -> None:
        """Not before the process: what hangs while all ends is watched too."""


class Watch(threading.Thread):
    """Of one worker."""

    def __init__(self, worker: Any, settings: Settings, notes: Notes) -> None:
        super().__init__(name="watch", daemon=True)
        self._worker = worker
        self._settings = settings
        self._notes = notes
        self._silence = Silence()
        self._store = JobStore(connect(settings.redis_url, patience=ANSWER_SECONDS))
        self._known: set[int] = set()  # processes
        self._worked: set[int] = set()  # those of them that have been at work
        self._useless = 0  # those that were not, and are gone
        self._told = self._heard = 0  # signals
        self._end: tuple[float, int] | None = None  # when (monotonic) and with which status

    def told_to_end(self, number: int, frame: FrameType | None) -> None:
        """The handler of INT and TERM: no message is asked for any more, and the thread does the rest."""
        state.should_stop = state.should_stop or 0  # type: ignore[assignment]
        self._told += 1

    def run(self) -> None:
        """Look again and again, until the process ends."""
        try:
            while True:
                time.sleep(LOOK_EVERY)
                self._look()
        finally:  # a mistake in here too: a worker that nobody watches is none
            log.critical("nobody watches this worker any longer, and it ends", exc_info=True)
            self._gone(FAILED_STATUS)

    def _look(self) -> None:
        processes = self._processes()
        while self._heard < self._told:
            self._heard += 1
            seconds = HURRY_SECONDS if self._end else self._settings.drain_seconds
            log.warning("this worker was told to end, and will have in %.0f s", seconds)
            self._end_within(seconds, 0)
        if self._end is not None:
            when, status = self._end
            if time.monotonic() >= when:
                self._gone(status)
            self._kill_unborn(processes)
            return
        self._kill_silent(processes)
        self._check_starts(processes)
        self._check_hearing(processes)

    def _processes(self) -> list[int]:
        """Those that render, or will."""
        pool = getattr(self._worker.pool, "_pool", None)
        return [each.pid for each in list(pool._pool) if each.pid] if pool else []

    def _kill_silent(self, processes: list[int]) -> None:
        for process in processes:
            silent = self._silence.of(process, self._notes.mark(process))
            if silent > self._settings.lease_seconds:
                log.error("process %d has made no step for %.0f s and is killed", process, silent)
                self._kill(process)
                self._notes.idle(process)  # so that it is said once

    def _kill_unborn(self, processes: list[int]) -> None:
        """A worker that ends waits for no checkpoint to be loaded."""
        for process in processes:
            if not self._notes.said([process]):
                self._kill(process)

    def _check_starts(self, processes: list[int]) -> None:
        """End where nothing can be loaded, or where processes die before they have begun a video."""
        for process in self._known - set(processes):
            self._useless += process not in self._worked
            self._notes.forget(process)
        self._known = set(processes)
        at_work = {process for process in processes if self._notes.at_work([process])}
        self._worked = (self._worked & self._known) | at_work
        if at_work:
            self._useless = 0
        said = self._notes.said(processes)
        for state_said, why in said:
            if state_said != LOADED:
                log.error("this worker has nothing to make videos with, and ends: %s", why)
                self._end_within(UNWINDING_SECONDS, COLD_STATUS if state_said == COLD else FAILED_STATUS)
        if self._useless >= STARTS:
            log.error("%d processes in a row have died before they made anything: this worker ends", STARTS)
            self._end_within(UNWINDING_SECONDS, FAILED_STATUS)

    def _check_hearing(self, processes: list[int]) -> None:
        """End where the consumer is deaf, for which the pool must be idle and Redis must be there."""
        idle = bool(self._notes.said(processes)) and not self._notes.at_work(processes)
        deaf = idle and not consuming(self._worker.consumer, self._settings.queue) and self._answers()
        silent = self._silence.of("consumer", True if deaf else None)
        if silent > DEAF_SECONDS:
            log.error(
                "this worker has asked for no message for %.0f s, although Redis answers, and ends", silent
            )
            self._end_within(UNWINDING_SECONDS, FAILED_STATUS)

    def _answers(self) -> bool:
        with suppress(StoreUnavailable):
            self._store.ping()
            return True
        return False

    def _end_within(self, seconds: float, status: int) -> None:
        """Have Celery end in good order, and this process in any case; an end that is nearer stays."""
        when = time.monotonic() + seconds
        if self._end is None or when < self._end[0]:
            self._end = (when, self._end[1] if self._end else status)
            state.should_stop = self._end[1]  # type: ignore[assignment]
            self._notes.drain(time.time() + seconds)

    def _gone(self, status: int) -> Never:
        """At once, and with everything."""
        for process in self._processes():
            log.error("process %d had not ended in time and is killed", process)
            self._kill(process)
        self._notes.remove()
        os._exit(status)

    @staticmethod
    def _kill(process: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
