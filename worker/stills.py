"""Pictures of a video: one frame to recognise it by, a grid of frames, and a small animation to see what happens."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

THUMBNAIL_SIDE = 512
TILE_SIDE = 256
TILES = 4  # in a row, and in a column
QUALITY = 85
PREVIEW_SIDE = 128
PREVIEW_FRAMES = 40
PREVIEW_QUALITY = 60


def thumbnail(frames: npt.NDArray[np.uint8], target: Path) -> None:
    """The middle frame of (t, h, w, 3) as WebP."""
    _fitted(frames[len(frames) // 2], THUMBNAIL_SIDE).save(target, "WEBP", quality=QUALITY)


def spritesheet(frames: npt.NDArray[np.uint8], target: Path) -> None:
    """Frames at equal distances, the first and the last among them, row by row as JPEG."""
    shown = np.linspace(0, len(frames) - 1, TILES * TILES).round().astype(int)
    tiles = [_fitted(frames[each], TILE_SIDE) for each in shown]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (TILES * width, TILES * height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % TILES * width, place // TILES * height))
    sheet.save(target, "JPEG", quality=QUALITY)


def preview(frames: npt.NDArray[np.uint8], seconds: int, target: Path) -> None:
    """All of (t, h, w, 3) as an animated WebP that lasts as long as the video, and repeats."""
    pictures = [_fitted(frame, PREVIEW_SIDE) for frame in frames]
    pictures[0].save(
        target,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * seconds / len(pictures)),
        loop=0,
        quality=PREVIEW_QUALITY,
        method=0,  # the fastest: a preview is paid for by the video that waits for it
    )


def shrunk(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height in their proportion, neither more than `side`."""
    longer = max(width, height, side)
    return width * side // longer, height * side // longer


def _fitted(frame: npt.NDArray[np.uint8], side: int) -> Image.Image:
    """The frame as a picture no wider and no higher than that."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    picture.thumbnail((side, side))
    return picture
