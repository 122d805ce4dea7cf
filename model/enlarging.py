"""Long clips are enlarged part by part, so that their memory is that of one part: what is finished is bytes.

Each part after the first begins with frames that the one before has finished, and keeps them; so what it makes goes on
from there. The base clip is already whole, and says in all parts alike what is to be seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from model.canvas import Canvas
from model.compositions import as_clip
from model.conditioning import Conditions, nothing_known
from model.sampling import State
from model.steps import Point


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the frames of a clip, the first `known` of which are finished."""

    number: int
    span: slice
    known: int
    made: UInt8[np.ndarray, "t h w 3"]  # the whole clip, as far as it is finished
    begun: State | None = None  # where an attempt stopped

    def seed(self, seed: int) -> int:
        """Of the noise of this part; of the first one that of the video."""
        return seed ^ self.number << 40

    @property
    def before(self) -> UInt8[Tensor, "f h w 3"] | None:
        """What is finished, when this part begins: a view."""
        return torch.from_numpy(self.made[: self.span.start + self.known]) if self.number else None

    def known_in(self, under: Conditions, canvas: Canvas) -> Conditions:
        """What this part is made under, where this is what its task says."""
        if not self.number:
            return under
        start = self.span.start
        beginning = as_clip(self.made[start : start + self.known], canvas)
        if under.known is None:
            shape = (1, 3, self.span.stop - start, *canvas.enlarged)
            under = Conditions(nothing_known(shape, beginning.device), under.source, under.loop)
        return under.after(beginning)

    def keep(self, frames: UInt8[np.ndarray, "p h w 3"]) -> None:
        """The part is finished."""
        self.made[self.span.start + self.known : self.span.stop] = frames[self.known :]


def enlarging(
    made: UInt8[np.ndarray, "t h w 3"], spans: Sequence[slice], point: Point | None
) -> Iterator[Part]:
    """One part after the other, from where an attempt stopped; the next one when the one before is kept."""
    first = point.part if point else 0
    if point and point.made is not None:
        made[: len(point.made)] = point.made.numpy()
    for number in range(first, len(spans)):
        known = spans[number - 1].stop - spans[number].start if number else 0
        begun = point.state if point and number == first else None
        yield Part(number, spans[number], known, made, begun)
