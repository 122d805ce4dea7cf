"""What is asked for in words, as a denoiser of base clips."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from model.conditioning import Conditions
from model.diffusion import Denoiser, precondition
from model.guidance import guided, paired
from model.image_unet import ImageUNet
from model.looping import TurnedDenoiser
from model.optimise import Optimised, rows_of
from model.stunet import STUNet, VideoContext
from model.text import TextEncoder


class Asked(NamedTuple):
    """What is asked of the base model: a clip a prompt."""

    prompts: Sequence[str]
    negative: str
    steps: int  # of a whole schedule
    guidance_scale: float


def conditioned(network: ImageUNet | STUNet, context: Any, beside: Tensor | None = None) -> Denoiser:
    """A network and the context that it has read as a denoiser; `beside` (Known.beside) is what it sees of a clip that
    is partly known, as it is: only the noisy clip is scaled."""
    dtype = next(network.parameters()).dtype

    def run(scaled: Tensor, sigma: Tensor) -> Tensor:
        x = scaled if beside is None else torch.cat([scaled, beside.to(scaled.dtype)], dim=1)
        y: Tensor = network(x.to(dtype), sigma, context)
        return y

    return lambda x, sigma: precondition(run, x, x.new_full((x.shape[0],), sigma))


def worded(
    network: STUNet, text: TextEncoder, asked: Asked, under: Conditions, interval: tuple[float, float]
) -> TurnedDenoiser:
    """Guided by the words, of clips that are turned; the texts are read once."""
    prompts, avoided = list(asked.prompts), [asked.negative] * len(asked.prompts)

    def read(texts: Sequence[str]) -> VideoContext:
        return network.read(text(texts))._replace(circular=under.loop)

    def beside(turn: int) -> Tensor | None:
        return under.known.rolled(turn).beside if under.known else None

    scale = asked.guidance_scale
    make: Callable[[int], Denoiser]
    if isinstance(network, Optimised) and network.speed.paired and scale != 1.0:
        both = read([*prompts, *avoided])
        first = rows_of(both, slice(len(prompts)))

        def make(turn: int) -> Denoiser:
            seen = beside(turn)
            twice = None if seen is None else torch.cat([seen, seen])
            alone = conditioned(network, first, seen)
            return paired(alone, conditioned(network, both, twice), scale, interval)
    else:
        wanted, unwanted = read(prompts), read(avoided)

        def make(turn: int) -> Denoiser:
            seen = beside(turn)
            towards, away = (conditioned(network, context, seen) for context in (wanted, unwanted))
            return guided(towards, away, scale, interval)

    return make
