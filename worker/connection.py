"""The way to Redis or Valkey, and the one error for all that is wrong there."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError

# Beside those that the client has a class for: its disk is full, its replicas are gone.
REFUSALS = ("MISCONF", "NOREPLICAS")


class StoreUnavailable(RuntimeError):
    """The job store does not answer."""

    retry_after = 1.0


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the client's broken connections, and a store that takes no writes, into ours."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as down:
        raise StoreUnavailable("the job store does not answer") from down
    except redis.ResponseError as refused:
        if isinstance(refused, OutOfMemoryError | ReadOnlyError) or str(refused).startswith(REFUSALS):
            raise StoreUnavailable("the job store takes no changes") from refused
        raise


def connect(url: str, patience: float = 30.0) -> "redis.Redis":
    """A client that speaks text, checks idle connections and waits for so many seconds at most."""
    waits = {"socket_timeout": patience, "socket_connect_timeout": min(5.0, patience)}
    return redis.Redis.from_url(url, decode_responses=True, health_check_interval=25, **waits)
