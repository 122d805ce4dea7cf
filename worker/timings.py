"""How long each part of a job took, by the worker's own monotonic clock."""

import time


class Timings:
    """Seconds by the name of the part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, part: str) -> None:
        """What has passed since the last call belongs to this part; a part may come again."""
        now = time.monotonic()
        self.seconds[part] = round(self.seconds.get(part, 0.0) + now - self._since, 3)
        self._since = now
