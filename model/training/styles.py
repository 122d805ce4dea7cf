"""Other drawings of the same objects, under the same names: what a style is learned from (Lumiere, section 4.1)."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from model.training.objects import Atlas, Drawing, drawings, rasterise

FOLDER = Path(__file__).with_name("drawn")
STYLES = ("flat", "line", "high-contrast", "3d")
TILE, TILES_A_ROW = 128, 32  # of the pictures of 3d.webp


def drawn(style: str) -> tuple[str, ...]:
    """The names of the objects that a style has, in the order of the base's."""
    if style == "3d":
        return tuple(json.loads((FOLDER / "3d.json").read_text()))
    return tuple(drawing.name for drawing in _vectors(style))


def load(
    style: str,
    device: torch.device | str,
    size: int = 128,
    names: Sequence[str] | None = None,
    workers: int | None = None,
) -> Atlas:
    """The objects of a style, or those of the named ones that it has, as `Atlas.load` gives the base's."""
    have = drawn(style)
    chosen = have if names is None else tuple(name for name in names if name in have)
    if style == "3d":
        finest = _tiles(have, chosen, size)
    else:
        by_name = {drawing.name: drawing for drawing in _vectors(style)}
        finest = rasterise([by_name[name] for name in chosen], size, workers)
    # whether a thing can be told to turn is the base's to say: captions are the same in every style
    turns = {drawing.name: drawing.round for drawing in drawings()}
    return Atlas.of(chosen, tuple(turns[name] for name in chosen), finest.to(device))


def _vectors(style: str) -> tuple[Drawing, ...]:
    packed = (FOLDER / f"{style}.json.gz").read_bytes()
    return tuple(Drawing(**entry) for entry in json.loads(gzip.decompress(packed)))


def _tiles(have: Sequence[str], chosen: Sequence[str], size: int) -> UInt8[Tensor, "n 4 s s"]:
    """Pictures out of the sheet of them, premultiplied, at this size."""
    sheet = Image.open(FOLDER / "3d.webp").convert("RGBA").convert("RGBa")
    place = {name: i for i, name in enumerate(have)}
    out = torch.empty(len(chosen), 4, size, size, dtype=torch.uint8)
    for row, name in zip(out, chosen, strict=True):
        x, y = place[name] % TILES_A_ROW * TILE, place[name] // TILES_A_ROW * TILE
        tile = sheet.crop((x, y, x + TILE, y + TILE)).resize((size, size), Image.Resampling.BILINEAR)
        pixels = torch.frombuffer(bytearray(tile.tobytes()), dtype=torch.uint8)
        row.copy_(pixels.view(size, size, 4).permute(2, 0, 1))
    return out


def shared(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the named objects that every style has."""
    have = set.intersection(*(set(drawn(style)) for style in STYLES))
    return tuple(name for name in names if name in have)


def main() -> None:
    import argparse

    from model.evaluation.sheet import draw_sheet, to_frames
    from model.training.world import World, clip_times

    parser = argparse.ArgumentParser(
        description="Draw a sheet: rows are scenes, columns the base and its styles."
    )
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    everything = shared([drawing.name for drawing in drawings()])
    names = everything[args.seed % 7 :: len(everything) // (2 * args.rows)]
    worlds = [World(Atlas.load("cpu", TILE, names), "cpu")]
    worlds += [World(load(style, "cpu", TILE, names), "cpu") for style in STYLES]
    scenes = worlds[0].scenes(args.rows, torch.Generator().manual_seed(args.seed))
    times = clip_times(args.rows)[:, 20:21]
    clips = torch.cat([world.render(scenes, times, TILE) for world in worlds], dim=2)
    captions = [f"{names[i]}: base, {', '.join(STYLES)}" for i in scenes.object.tolist()]
    draw_sheet(to_frames(clips), captions).save(args.sheet)


if __name__ == "__main__":
    main()
