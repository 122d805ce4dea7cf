"""Contact sheets: frames of clips side by side, a caption under each row."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

CAPTION = 16  # pixels
GAP = 2


def to_frames(clips: Float[Tensor, "b 3 t h w"]) -> NDArray[np.uint8]:
    """Clips in [-1, 1] as bytes (b, t, h, w, 3)."""
    pixels = clips.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 4, 1).cpu().numpy()


def draw_sheet(
    clips: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    texts: Sequence[str],
    *,
    columns: int = 10,
    colours: Sequence[str] | None = None,
) -> Image.Image:
    """Rows of evenly spaced frames of clips (t, h, w, 3), each with its text, in its colour, beneath."""
    height, width = clips[0].shape[1:3]
    columns = min(columns, max(len(clip) for clip in clips))
    row = height + CAPTION + GAP
    sheet = Image.new("RGB", (columns * (width + GAP), len(clips) * row), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (clip, text) in enumerate(zip(clips, texts, strict=True)):
        for column, frame in enumerate(np.linspace(0, len(clip) - 1, columns).round().astype(int)):
            sheet.paste(Image.fromarray(clip[frame]), (column * (width + GAP), i * row))
        pen.text((3, i * row + height + 2), text, fill=colours[i] if colours else "black")
    return sheet


def stack_sheets(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets one under another."""
    whole = Image.new("RGB", (max(s.width for s in sheets), sum(s.height for s in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole
