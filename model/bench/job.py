"""A whole job without a queue around it, from its words to its frames: seconds by stage, and memory."""

import time
from pathlib import Path

import torch

from model.bench.networks import SHIPPED
from model.bench.paper import PAPER_BASE, PAPER_SSR
from model.bench.timing import Figures, peak_gib, synchronize
from model.layers import TextStates
from model.optimise import Speed, preparing
from model.pipeline import Pipeline
from model.spec import Size, VideoSpec
from model.steps import Step
from model.text import TextEncoder, packaged_encoder
from model.weights import Sampling


class Wide(TextEncoder):
    """Token states as wide as a large text encoder's, repeated from a small one's."""

    def __call__(self, texts: list[str]) -> TextStates:  # type: ignore[override]
        narrow = super().__call__(texts)
        width = PAPER_BASE.image.text_dim
        return narrow._replace(
            states=narrow.states.repeat(1, 1, -(-width // narrow.states.shape[2]))[..., :width]
        )


def made(pipeline: Pipeline, spec: VideoSpec, window_batch: int = 1) -> Figures:
    """Seconds of one job by stage, and its peak of memory."""
    seconds: dict[str, float] = {}
    since = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal since
        synchronize()
        now = time.perf_counter()
        seconds[stage] = seconds.get(stage, 0.0) + now - since
        since = now

    def on_step(step: Step) -> None:
        lap(step.stage)

    frames = pipeline.generate(spec, on_step, window_batch=window_batch)
    lap("frames")
    return {"ms": 1e3 * sum(seconds.values()), "seconds": seconds, "frames": len(frames), "gib": peak_gib()}


def shipped_job(device: str, text: Path | None, speed: Speed, size: Size = "1024x1024") -> Figures:
    """The shipped checkpoint as its own defaults ask it; the second of two jobs, the first of which compiles."""
    pipeline = Pipeline.load(SHIPPED, device, torch.bfloat16, text)
    pipeline.optimise(speed)
    spec = VideoSpec(prompt="a red balloon rising over grass", size=size, seed=7)
    began = time.perf_counter()
    with preparing(pipeline.base, pipeline.ssr):
        pipeline.generate(spec)
    first = time.perf_counter() - began
    return made(pipeline, spec) | {"first_s": first}


def paper_job(device: str, text: Path | None) -> Figures:
    """Both networks at paper scale, eager: the memory of a 1024 x 1024 job, which does not depend on its steps."""
    base, ssr = (sizes.made(device, torch.bfloat16) for sizes in (PAPER_BASE, PAPER_SSR))
    encoder = Wide(text or packaged_encoder(), device)
    pipeline = Pipeline(base, ssr, encoder, Sampling(ssr_steps=1), device, torch.bfloat16)
    return made(pipeline, VideoSpec(prompt="a", size="1024x1024", seed=7, steps=2))
