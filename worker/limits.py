"""What one tenant, and all of them together, may have of the service."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What a tenant may have, unless something else was set for it; costs are in megapixel-steps."""

    jobs: int = 100  # unfinished at one time
    cost_a_day: int = 1_000_000  # of the jobs created in a day of UTC and ever started
    requests_a_second: int = 1_000  # as many at one moment, too


DEFAULTS = Limits()
QUEUE_COST = 100_000  # megapixel-steps of unfinished jobs, all tenants together


class LimitReached(RuntimeError):
    """A limit stands in the way; `retry_after` seconds later it may not, None: it always will."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyRequests(LimitReached):
    """The tenant asks more often than it may."""


class TooManyJobs(LimitReached):
    """The tenant has as many unfinished videos as it may."""


class DayIsSpent(LimitReached):
    """The tenant has used what it may in a day, or nearly."""


class QueueFull(LimitReached):
    """The service has as much before it as it takes."""


def limits_of(tenant: str) -> str:
    """The Redis key of the limits that were set for a tenant."""
    return f"ciotat:limits:{tenant}"
