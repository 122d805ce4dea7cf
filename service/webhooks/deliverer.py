"""The deliverer: a process that sends what is owed. Any number may run; each can be killed at any moment."""

import logging
import random
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from service.outbound import Outbound, OutboundError, Receipt, Rules
from service.webhooks.deliveries import Attempt, Claimed, Deliveries
from service.webhooks.signing import signed
from worker.jobs import StoreUnavailable, connect
from worker.kinds import listed
from worker.logs import configure
from worker.settings import Settings

IDLE_SECONDS = 0.25
DRAIN_SECONDS = 3.0
MOST_WAIT = 24 * 3600.0
log = logging.getLogger(__name__)


class Deliverer:
    """Claims, sends and writes down, so many attempts at once, each in a thread of its own."""

    def __init__(
        self,
        deliveries: Deliveries,
        outbound: Outbound,
        waits: Sequence[float],
        seconds: float = 15.0,
        patience: float = 5 * 24 * 3600.0,
        concurrency: int = 16,
    ) -> None:
        self._deliveries = deliveries
        self._outbound = outbound
        self._waits = waits
        self._seconds = seconds
        self._patience = patience
        self._concurrency = concurrency
        self._finished = threading.Event()  # an attempt, so that the next one at its endpoint may be due

    def run(self, over: threading.Event) -> None:
        """Deliver until told that it is over; what is under way then is given a moment, or left to its lease."""
        slots = threading.Semaphore(self._concurrency)
        while not over.is_set():
            if not slots.acquire(timeout=IDLE_SECONDS):
                continue
            claimed = self._claimed()
            if claimed is None:
                slots.release()
                self._finished.wait(IDLE_SECONDS)
                self._finished.clear()
            else:
                threading.Thread(target=self._deliver, args=(claimed, slots), daemon=True).start()
        deadline = time.monotonic() + DRAIN_SECONDS
        for _ in range(self._concurrency):
            slots.acquire(timeout=max(0.0, deadline - time.monotonic()))

    def _claimed(self) -> Claimed | None:
        try:
            return self._deliveries.claim(2 * self._seconds, len(self._waits) + 1)
        except StoreUnavailable:
            log.warning("the job store does not answer")
            return None

    def _deliver(self, claimed: Claimed, slots: threading.Semaphore) -> None:
        """One attempt. If it cannot be written down it is made again, when its lease has run out."""
        try:
            attempt, wait = self._attempted(claimed)
            with suppress(StoreUnavailable):
                self._deliveries.finish(claimed, attempt, wait, self._patience)
        finally:
            slots.release()
            self._finished.set()

    def _attempted(self, claimed: Claimed) -> tuple[Attempt, float | None]:
        """How it went, and how long to wait before the next one, if there is to be one."""
        endpoint, event = claimed.endpoint, claimed.event
        began, receipt, error = time.time(), Receipt(0, None), None
        clock = time.monotonic()
        try:
            headers = signed(event, endpoint.signing_secrets)
            receipt = self._outbound.post(endpoint.url, event.body(), headers, self._seconds)
        except OutboundError as failed:
            error = str(failed)
        latency = time.monotonic() - clock
        delivered = 200 <= receipt.status < 300
        log.info("event %s to %s: %s", event.id, endpoint.id, error or receipt.status)
        wait = None if delivered or receipt.status == 410 else self._wait(claimed.attempt, receipt)
        attempt = Attempt(
            event_id=event.id,
            event_type=event.type,
            attempt=claimed.attempt,
            created_at=round(began, 3),
            delivered=delivered,
            status_code=receipt.status or None,
            error=error,
            latency_ms=round(latency * 1000),
            next_attempt_at=None if wait is None else round(began + latency + wait, 3),
        )
        return attempt, wait

    def _wait(self, attempt: int, receipt: Receipt) -> float | None:
        """By the schedule with up to a tenth more, so that many failures do not come back as one; or as asked."""
        if attempt > len(self._waits):
            return None
        asked = min(receipt.retry_after or 0.0, MOST_WAIT)
        return max(asked, self._waits[attempt - 1] * random.uniform(1.0, 1.1))


def deliverer(settings: Settings) -> Deliverer:
    """The deliverer of these settings."""
    return Deliverer(
        Deliveries(connect(settings.redis_url)),
        Outbound(Rules.of(settings)),
        [float(wait) for wait in listed(settings.webhook_waits)],
        settings.webhook_seconds,
        settings.webhook_patience_seconds,
        settings.webhook_concurrency,
    )


def run(settings: Settings) -> None:
    """Deliver until INT or TERM."""
    configure(settings.log_level)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    deliverer(settings).run(over)
