"""The mixture to look at, and how fast it is drawn.

python -m model.training.world --sheet world.png --size 128 --rows 16
python -m model.training.world --bench --device cpu
"""

import argparse
import random
import time
from collections.abc import Callable
from itertools import chain, zip_longest
from pathlib import Path

import torch
from torch import Tensor

from model.evaluation.sheet import draw_sheet, to_frames
from model.training.canvas import Size
from model.training.feed import Source
from model.training.mixture import DRAWN, NATURE, PHOTOGRAPH, SHARES, Mixed, Mixture
from model.training.motions import MOTIONS
from model.training.objects import Atlas
from model.training.pairs import RELATIONS
from model.training.photographs import CAMERAS, Album
from model.training.scenery import NATURE as SCENERY
from model.training.world import World, clip_times

DRAWS = 6000  # scenes among which there is one of each kind
CLIPS, FRAMES = 6, 80  # that a clip's speed is measured on
STILLS = 96


def size_of(text: str) -> Size:
    """`128`, or height and width: `96x160`."""
    height, _, width = text.partition("x")
    return (int(height), int(width)) if width else int(height)


def one_of_each(scenes: Mixed, rows: int) -> Mixed:
    """So many scenes, in turn: one object, a natural scene, two objects, a photograph, one in a colour."""

    def kind(objects: int, setting: int) -> Tensor:
        return (scenes.objects == objects) & (scenes.setting == setting)

    plain = scenes.first.colour == 0
    groups = [
        [kind(1, DRAWN) & plain & (scenes.first.motion == motion) for motion in range(len(MOTIONS))],
        [kind(0, NATURE) & (scenes.nature.kind == number) for number in range(len(SCENERY))],
        [kind(2, setting % 3) & (scenes.relation == setting) for setting in range(len(RELATIONS))],
        [kind(0, PHOTOGRAPH) & (scenes.shot.camera == camera) for camera in range(1, len(CAMERAS))],
        [kind(1, setting) & ~plain for setting in (DRAWN, NATURE, PHOTOGRAPH)],
    ]
    wanted = [rule for rule in chain.from_iterable(zip_longest(*groups)) if rule is not None]
    found = [int(rule.nonzero()[number // len(wanted), 0]) for number, rule in enumerate(wanted[:rows])]
    return scenes[torch.tensor(found)]


def draw(mixture: Mixture, file: Path, size: Size, rows: int, seed: int) -> None:
    """A sheet: rows are scenes, columns times."""
    generator = torch.Generator().manual_seed(seed)
    scenes = one_of_each(mixture.scenes(DRAWS, generator), rows)
    clips = mixture.render(scenes, clip_times(len(scenes), 8), size)
    draw_sheet(to_frames(clips), mixture.captions(scenes, random.Random(seed)), columns=8).save(file)


def timed(action: Callable[[], object], device: torch.device) -> float:
    """Seconds: on a CPU of its own time, so that others on the machine do not count."""
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def bench(mixture: Mixture, size: Size) -> None:
    """Clips and stills a second, of the world of one object and of the mixture and its kinds."""
    device = mixture.device
    sources: dict[str, Source] = {"one object": mixture.world, "mixture": mixture}
    names = {DRAWN: "drawn", NATURE: "nature", PHOTOGRAPH: "photograph"}
    for kind in SHARES:
        sources[f"{kind[0]} before {names[kind[1]]}"] = Mixture(mixture.world, mixture.album, {kind: 1.0})
    for name, source in sources.items():
        generator = torch.Generator().manual_seed(0)
        stills, clips = source.scenes(STILLS, generator), source.scenes(CLIPS, generator)
        moments, times = clip_times(STILLS, 1, device), clip_times(CLIPS, FRAMES, device)
        still = timed(lambda s=source, x=stills, t=moments: s.render(x, t, size), device)  # type: ignore[misc]
        clip = timed(lambda s=source, x=clips, t=times: s.render(x, t, size), device)  # type: ignore[misc]
        print(
            f"{name:22} {CLIPS / clip:7.2f} clips/s of {FRAMES} frames {STILLS / still:9.1f} stills/s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Look at the mixture, or measure how fast it is drawn.")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--size", type=size_of, default=128, help="side, or heightxwidth")
    parser.add_argument("--rows", type=int, default=3 * len(MOTIONS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    short = args.size if isinstance(args.size, int) else min(args.size)
    world = World(Atlas.load(args.device, 512 if short > 128 else 128), args.device)
    mixture = Mixture(world, Album.load(args.device))
    if args.sheet:
        draw(mixture, args.sheet, args.size, args.rows, args.seed)
    if args.bench:
        bench(mixture, args.size)
