"""Clips longer than one pass: each pass after the first knows the end of what is there, and makes what comes next."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from model.conditioning import Conditions
from model.sampling import State


class Pass(NamedTuple):
    """One of them: its number, its frames of the clip, what they are made under, and what has been made before them."""

    number: int
    span: slice
    under: Conditions
    before: Float[Tensor, "b 3 k h w"] | None


class Begun(NamedTuple):
    """Where an attempt stopped: in which pass, what had been made before it, and its sampler's state."""

    number: int
    before: Float[Tensor, "b 3 k h w"] | None
    state: State


# makes the frames of one pass, from its noise or from where it stopped
MakePass = Callable[[Pass, State | None], Tensor]


def spans_of(frames: int, longest: int, known: int) -> list[slice]:
    """Passes of at most `longest` frames that cover `frames`, each but the first beginning with `known` frames of the
    one before.

    >>> [(span.start, span.stop) for span in spans_of(160, 80, 16)]
    [(0, 80), (64, 144), (128, 160)]
    """
    if not 0 < known < longest:
        raise ValueError(f"of a pass of {longest} frames at least 1 and not all can be known: got {known}")
    starts = range(0, max(1, frames - known), longest - known)
    return [slice(start, min(start + longest, frames)) for start in starts]


def extended(
    make: MakePass, spans: Sequence[slice], under: Conditions, begun: Begun | None = None
) -> Float[Tensor, "b 3 t h w"]:
    """The whole clip, pass by pass, or what is left of it where an attempt stopped.

    `under` is of the whole clip, and must know something where there is more than one pass, if perhaps nothing of it.
    """
    number, before, state = begun or (0, None, None)
    shared = state.estimate if state else None  # it begins with what its pass knows, to the bit
    while True:
        span, conditions = spans[number], under.within(spans[number])
        if number:
            assert shared is not None
            conditions = conditions.after(shared[:, :, : spans[number - 1].stop - span.start])
        clip = make(Pass(number, span, conditions, before), state)
        if number + 1 == len(spans):
            return clip if before is None else torch.cat([before, clip], dim=2)
        number, state = number + 1, None
        own = spans[number].start - span.start  # frames that the next pass does not begin with
        shared, done = clip[:, :, own:], clip[:, :, :own]
        before = done if before is None else torch.cat([before, done], dim=2)
