"""Whether a worker that was told to end finishes the video it is making, or hands it back in time."""

import time
from collections.abc import Callable

from model.spec import VideoSpec

MARGIN_SECONDS = 2.0  # kept free before the deadline: a last commit, and the end of the process
LOOK_SECONDS = 0.2  # how long one look serves
ENDING_SECONDS = 0.5  # encoding and storing: so much for any video,
ENDING_SECONDS_A_MEGAPIXEL = 0.3  # and so much more for each million pixels of it, on a slow machine


class Drained(Exception):
    """The making of this video ends here; another worker goes on."""


class Drain:
    """Looks by when this worker has to be gone: `told` says so in Unix seconds, None where it may stay."""

    def __init__(self, told: Callable[[], float | None], clock: Callable[[], float] = time.time) -> None:
        self._told, self._clock = told, clock
        self._looked = float("-inf")
        self._deadline: float | None = None

    def left(self) -> float | None:
        """Seconds that may still be used; None for as many as one likes."""
        now = self._clock()
        if not 0 <= now - self._looked < LOOK_SECONDS:
            self._looked, self._deadline = now, self._told()
        return None if self._deadline is None else self._deadline - MARGIN_SECONDS - now

    def comes_before(self, rest: float | None) -> bool:
        """Whether this worker has to be gone before so many seconds are over; None is any number of them."""
        left = self.left()
        return left is not None and (rest is None or rest > left)


class Rest:
    """How long a video still takes, by what this attempt has taken for its part of it."""

    def __init__(self, spec: VideoSpec, begun: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ending = (
            ENDING_SECONDS + ENDING_SECONDS_A_MEGAPIXEL * spec.frames * spec.width * spec.height / 1e6
        )
        self._begun, self._clock = begun, clock
        self._since = clock()

    def seconds(self, fraction: float) -> float | None:
        """From this fraction of the steps to the end; None before there is a step to judge by."""
        if fraction <= self._begun:
            return None
        taken = self._clock() - self._since
        return taken * (1 - fraction) / (fraction - self._begun) + self._ending
