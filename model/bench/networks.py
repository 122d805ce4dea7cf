"""One call of a network: eager, and optimised in each way."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from model.bench.paper import PAPER_BASE, PAPER_SSR, Sizes
from model.bench.timing import Figures, forget_peak, peak_gib, timed
from model.bench.work import call_of, work_of
from model.optimise import Speed, optimise, preparing
from model.stunet import STUNet
from model.weights import load_stunet

SHIPPED = Path(__file__).parents[1] / "checkpoints" / "ciotat-1"
WAYS = {
    "eager": Speed(),
    "blocks": Speed("blocks", graphs=True),
    "whole": Speed("whole"),
    "whole+graphs": Speed("whole", graphs=True),
    "whole+graphs+search": Speed("whole", graphs=True),  # and cuDNN's own search
}
PAIR = 2  # both halves of guidance in one call


def shipped(part: str, frames: int, side: int) -> tuple[STUNet, tuple[int, int, int, int, int]]:
    """A network of the shipped checkpoint, and the shape of its call; the base model's is guided."""
    network = load_stunet(SHIPPED / f"{part}_image", SHIPPED / f"{part}_temporal").to(torch.bfloat16)
    batch, channels = (PAIR, 3) if part == "base" else (1, 6)
    placed: STUNet = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed, (batch, channels, frames, side, side)


def called(network: STUNet, shape: tuple[int, ...], way: str) -> Figures:
    """Time, work and memory of one call on the device that the network is on, and how far it is from the eager one."""
    call = call_of(network, shape)
    with torch.inference_mode():
        truth = network(*call)
        forget_peak()
        fast = optimise(network, WAYS[way])
        with searched("search" in way), preparing(fast):
            figures = timed(lambda: fast(*call))
        error = (fast(*call) - truth).float().square().mean().sqrt() / truth.float().square().mean().sqrt()
    figures |= {"difference": float(error), "gib": peak_gib()}
    return figures


@contextlib.contextmanager
def searched(really: bool) -> Iterator[None]:
    """cuDNN tries its algorithms for each convolution, and keeps the fastest."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, really
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def at_paper_scale(sizes: Sizes, way: str, device: str) -> Figures:
    """One call of a network with random weights."""
    network = sizes.made(device, torch.bfloat16)
    return called(network, sizes.shape, way)


def as_shipped(part: str, frames: int, side: int, way: str, device: str) -> Figures:
    """One call of a network with its trained weights."""
    network, shape = shipped(part, frames, side)
    return called(network.to(device), shape, way)


def floors() -> dict[str, Any]:
    """The least that each of these calls must do, by its name; counted without memory or a device."""
    counted = {f"paper_{name}": work_of(sizes.made("meta", torch.bfloat16), sizes.shape)
               for name, sizes in (("base", PAPER_BASE), ("ssr", PAPER_SSR))}  # fmt: skip
    for part, frames, side in (("base", 80, 128), ("ssr", 28, 1024)):
        network, shape = shipped(part, frames, side)
        counted[f"shipped_{part}"] = work_of(network.to("meta"), shape)
    return {name: work._asdict() for name, work in counted.items()}
