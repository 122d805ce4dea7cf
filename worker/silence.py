"""For how long something has been silent, as somebody knows who was there."""

import time
from collections.abc import Callable, Hashable

ABSENT = (
    2.0  # seconds between two looks, above which the watcher itself was stopped, and knows nothing of them
)


class Silence:
    """How long each of several has shown the same mark; None is no silence.

    By a clock that nobody sets, and without the time in which nobody looked: when a whole machine was paused, those
    who were paused with the watcher are not to blame.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Hashable, tuple[object, float, float]] = {}

    def of(self, who: Hashable, mark: object) -> float:
        """Seconds for which `who` has shown this mark, in which it was looked at."""
        now = self._clock()
        if mark is None:
            self._known.pop(who, None)
            return 0.0
        last, looked, silent = self._known.get(who, (None, now, 0.0))
        silent = silent + min(now - looked, ABSENT) if mark == last else 0.0
        self._known[who] = (mark, now, silent)
        return silent
