"""How long each part of a job took, by the worker's own monotonic clock."""

import time
from collections.abc import Mapping


class Timings:
    """Seconds by the name of the part, in addition to those of an attempt before that have not been lost."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def add(self, seconds: Mapping[str, float]) -> None:
        """What went into this job before."""
        for part, taken in seconds.items():
            self.seconds[part] = round(self.seconds.get(part, 0.0) + taken, 3)

    def lap(self, part: str) -> None:
        """What has passed since the last call belongs to this part; a part may come again."""
        now = time.monotonic()
        self.seconds[part] = round(self.seconds.get(part, 0.0) + now - self._since, 3)
        self._since = now
