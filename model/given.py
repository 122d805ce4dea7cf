"""What a video is made from beside words, ready to be used: bytes at the size of the video, at its frames' times."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8


@dataclass(frozen=True, eq=False)
class Given:
    """A picture is a clip of one frame. What is shorter than the video stays as its last frame is."""

    clip: UInt8[np.ndarray, "t h w 3"] | None = None
    mask: Bool[np.ndarray, "m h w"] | None = None  # where to make something new
    last: UInt8[np.ndarray, "h w 3"] | None = None  # the last frame


NOTHING = Given()
