"""The points of a job at which faults are made, and what else both sides of the tests call by name."""

from enum import StrEnum


class Point(StrEnum):
    """In the order in which a job passes them."""

    CLAIM = "before claim"
    BASE = "mid base pass"
    BETWEEN = "between base and SSR"
    SSR = "mid SSR"
    UPLOAD = "during upload"
    COMMIT = "after upload, before commit"


BELL = "saved, bell not rung"  # the API's side of the first
DWELL = "dwell"  # metadata of a video: seconds that its steps take longer, the first few longer still
