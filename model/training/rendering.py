"""From scenes to pictures, whichever world they are of: a window of each frame, so many scenes at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.training.canvas import Size, Window

SAMPLES_AT_ONCE = 2**25  # on a CPU; bounds the memory of one render
BYTES_A_SAMPLE = 512  # of a GPU's memory, far more than a render takes


@runtime_checkable
class Rows(Protocol):
    """A batch of scenes."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | Tensor) -> Any: ...


Batch = TypeVar("Batch", bound=Rows)


class Renderer(ABC, Generic[Batch]):
    """What a world shares with every other: only how its scenes are drawn is its own."""

    device: torch.device

    @abstractmethod
    def draw(
        self, scenes: Batch, times: Tensor, window: Window, supersample: int
    ) -> Float[Tensor, "b 3 t h w"]:
        """The window's part of some scenes at their times, in [-1, 1]."""

    @torch.no_grad()
    def render(
        self,
        scenes: Batch,
        times: Float[Tensor, "b t"],
        size: Size,
        *,
        crop: tuple[int, int] | Int[Tensor, "b 2"] | None = None,
        crop_size: Size | None = None,
        supersample: int = 2,
    ) -> Float[Tensor, "b 3 t h w"]:
        """Pictures in [-1, 1] of a square's side or of (height, width), at `times` (seconds); of a crop (x, y from the
        top left), only that window."""
        window = window_of(len(scenes), size, crop, crop_size, self.device)
        times = times.to(self.device, torch.float32)
        parts = [
            self.draw(scenes[rows], times[rows], window[rows], supersample)
            for rows in chunks(len(scenes), times.shape[1], window, supersample)
        ]
        return torch.cat(parts)


def window_of(
    count: int,
    size: Size,
    crop: tuple[int, int] | Int[Tensor, "b 2"] | None,
    crop_size: Size | None,
    device: torch.device,
) -> Window:
    """The window of `count` scenes that `render` is asked for."""
    start = crop if isinstance(crop, Tensor) else torch.tensor(crop or (0, 0))
    return Window.of(size, start.to(device).expand(count, 2), crop_size)


def chunks(count: int, frames: int, window: Window, supersample: int) -> Iterator[slice]:
    """So many scenes at a time that the samples of one render fit."""
    samples = frames * window.height * window.width * supersample**2
    at_once = max(1, samples_at_once(window.corner.device) // samples)
    return (slice(i, i + at_once) for i in range(0, count, at_once))


def samples_at_once(device: torch.device) -> int:
    """As many as fit: the fewer renders, the fewer launches."""
    if device.type != "cuda":
        return SAMPLES_AT_ONCE
    memory: int = torch.cuda.get_device_properties(device).total_memory
    return memory // BYTES_A_SAMPLE
