"""Named vector drawings, rasterised once into a pyramid of textures."""

import gzip
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from model.training.raster import rasterise_apart, rasterise_one

DATA = Path(__file__).with_name("objects.json.gz")
SMALLEST = 64


@dataclass(frozen=True)
class Drawing:
    """A name as captions say it, an SVG body, its view box side, and whether turning it changes nothing."""

    name: str
    body: str
    width: int
    round: bool

    @property
    def svg(self) -> str:
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {self.width} {self.width}">{self.body}</svg>'
        )


@cache
def drawings() -> tuple[Drawing, ...]:
    """Every shipped drawing, in the fixed order that numbers the objects."""
    return tuple(Drawing(**entry) for entry in json.loads(gzip.decompress(DATA.read_bytes())))


def rasterise(items: Sequence[Drawing], size: int, workers: int | None = None) -> UInt8[Tensor, "n 4 s s"]:
    """All drawings at one size, spread over `workers` processes (default: the cores; 0 stays in this one)."""
    workers = min(len(items) // 8, os.cpu_count() or 1) if workers is None else workers
    svgs = [item.svg for item in items]
    pictures = (
        rasterise_apart(svgs, size, workers) if workers > 1 else [rasterise_one(svg, size) for svg in svgs]
    )
    out = torch.empty(len(items), 4, size, size, dtype=torch.uint8)
    for row, picture in zip(out, pictures, strict=True):
        row.copy_(torch.frombuffer(bytearray(picture), dtype=torch.uint8).view_as(row))
    return out


@dataclass(frozen=True)
class Atlas:
    """Premultiplied RGBA textures of n objects: one (n, 4, s, s) byte tensor per side s, largest first."""

    names: tuple[str, ...]
    round: tuple[bool, ...]
    levels: tuple[UInt8[Tensor, "n 4 _ _"], ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def load(
        cls,
        device: torch.device | str,
        size: int = 512,
        names: Sequence[str] | None = None,
        workers: int | None = None,
    ) -> "Atlas":
        """Rasterise all objects, or the named ones, at `size` and halve down to 64 pixels."""
        by_name = {d.name: d for d in drawings()}
        chosen = drawings() if names is None else tuple(by_name[name] for name in names)
        finest = rasterise(chosen, size, workers).to(device)
        return cls.of([d.name for d in chosen], [d.round for d in chosen], finest)

    @classmethod
    def of(cls, names: Sequence[str], turns: Sequence[bool], finest: UInt8[Tensor, "n 4 s s"]) -> "Atlas":
        """The pyramid over the finest pictures of these objects, which are `round` where `turns` says so."""
        levels = [finest]
        while levels[-1].shape[-1] > SMALLEST:
            levels.append(halve(levels[-1]))
        return cls(tuple(names), tuple(turns), tuple(levels))


def halve(pictures: UInt8[Tensor, "n 4 s s"]) -> UInt8[Tensor, "n 4 r r"]:
    """Average 2x2 blocks, rounded to the nearest byte, in chunks that bound the memory."""
    chunks = [
        torch.nn.functional.avg_pool2d(c.float(), 2).round().to(torch.uint8)
        for c in torch.split(pictures, 64)
    ]
    return torch.cat(chunks)
