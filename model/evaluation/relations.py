"""What one object is to another, seen without a judge of its own: the judge of looks, asked cell by cell, tells where
each of two named objects is, and the two courses tell what is true of them.

python -m model.evaluation.relations --pairs 200      # how often it is right about rendered truth
"""

import argparse
import math
from collections import Counter
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model.evaluation.judges import LOOK_SIDE, Judges
from model.evaluation.sight import frames_of
from model.training.mixture import DRAWN, Mixture
from model.training.motions import SECONDS
from model.training.objects import Atlas
from model.training.pairs import RELATIONS
from model.training.photographs import Album
from model.training.world import World

FRAMES = 12  # of a clip, evenly spaced, that are looked at
NEAR = 0.36  # of a frame: so near are two of which one hides a part of the other
SWEEP = 0.9  # radians that an orbit goes round at least, in five seconds
GONE = 0.08  # of a frame that a chase goes at least
# Log odds at the likeliest cell, meaned: 98 in 100 objects of rendered pairs are above, 2 in 100 that are not there.
PRESENT = -3.5


@torch.no_grad()
def by_cell(judges: Judges, clip: Float[Tensor, "3 t h w"], wanted: int) -> Float[Tensor, "f y x"]:
    """How likely the judge of looks finds an object, by its class number, in each cell of FRAMES frames: log odds."""
    at = torch.linspace(0, clip.shape[1] - 1, FRAMES, device=clip.device).round().long()
    frames, look = frames_of(clip[:, at]), judges.look
    cells = look.object(rearrange(look.read(look.trunk(frames)), "n c h w -> n h w c"))
    likely: Tensor = cells.log_softmax(-1)[..., wanted]
    return likely


def located(
    judges: Judges, clips: Float[Tensor, "b 3 t h w"], objects: Int[Tensor, " b"]
) -> Float[Tensor, "b f 2"]:
    """Where an object of each clip is, by its class number, at FRAMES of its frames: x and y in parts of the frame."""
    pairs = zip(clips, objects.tolist(), strict=True)
    heat = torch.cat([by_cell(judges, clip, wanted) for clip, wanted in pairs])
    odds = heat.flatten(1).softmax(1).view_as(heat)
    side = (torch.arange(heat.shape[-1], device=clips.device) + 0.5) / heat.shape[-1]
    places = torch.stack([(odds.sum(1) * side).sum(1), (odds.sum(2) * side).sum(1)], -1)
    return rearrange(places, "(b f) xy -> b f xy", f=FRAMES)


def present(judges: Judges, clip: Float[Tensor, "3 t h w"], wanted: int) -> bool:
    """Whether an object is anywhere in a clip, beside whatever else is there."""
    return float(by_cell(judges, clip, wanted).flatten(1).amax(1).mean()) > PRESENT


def holds(
    relation: Int[Tensor, " b"], first: Float[Tensor, "b f 2"], second: Float[Tensor, "b f 2"]
) -> Bool[Tensor, " b"]:
    """Whether a relation is true of two courses. In front and behind are both told by nearness alone."""
    apart = first - second
    x, y = apart.mean(1).unbind(-1)
    beside, over = x.abs() > y.abs(), y.abs() > x.abs()
    far = apart.norm(dim=-1).mean(1)
    angle = torch.atan2(apart[..., 1], apart[..., 0]).diff(dim=1)
    turned = (angle - 2 * math.pi * (angle / (2 * math.pi)).round()).sum(1).abs()
    calm = first.std(1).norm(dim=-1) > second.std(1).norm(
        dim=-1
    )  # who orbits goes farther than who is orbited
    gone = first[:, -3:, 0].mean(1) - first[:, :3, 0].mean(1)
    chases = (gone.abs() > GONE) & (x * gone < 0)
    near = far < NEAR
    sides = [(x < 0) & beside, (x > 0) & beside, (y < 0) & over, (y > 0) & over]
    true = torch.stack([*sides, near, near, (turned > SWEEP) & calm, chases])
    return true[relation, torch.arange(len(relation), device=relation.device)]


def check(judges: Judges, names: list[str], pairs: int, seed: int = 0) -> dict[str, tuple[float, float, int]]:
    """For each relation: the shares of rendered pairs of which it is found true, as told and with the two objects
    exchanged (which makes all but nearness false), and how many pairs there were."""
    world = World(Atlas.load("cpu", 128, names, workers=0), "cpu")
    mixture = Mixture(world, Album.load("cpu"), {(2, DRAWN): 1.0})
    scenes = mixture.scenes(4 * pairs, torch.Generator().manual_seed(seed))
    scenes = scenes[(scenes.first.colour == 0) & (scenes.second.colour == 0)]
    scenes = scenes[scenes.first.object != scenes.second.object][:pairs]
    numbers = torch.tensor([judges.config.objects.index(name) for name in names])
    times = torch.linspace(0, SECONDS * (1 - 1 / FRAMES), FRAMES).expand(len(scenes), FRAMES)
    clips = mixture.render(scenes, times, LOOK_SIDE)
    one, other = (located(judges, clips, numbers[a.object]) for a in (scenes.first, scenes.second))
    told, turned = holds(scenes.relation, one, other), holds(scenes.relation, other, one)
    count = Counter(scenes.relation.tolist())
    found = {}
    for number, relation in enumerate(RELATIONS):
        rows = scenes.relation == number
        shares = (told[rows].float().mean().item(), turned[rows].float().mean().item())
        found[relation.phrases[0]] = (*shares, count[number])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="How well relations are seen in rendered truth.")
    parser.add_argument("--judges", type=Path, default=Path(__file__).parents[1] / "checkpoints" / "judges")
    parser.add_argument("--pairs", type=int, default=200)
    args = parser.parse_args()
    judges = Judges.load(args.judges)
    names = list(judges.config.objects)[:: max(1, len(judges.config.objects) // 150)]
    for name, (told, turned, count) in check(judges, names, args.pairs).items():
        print(f"{name:18} true {told:.3f}  exchanged {turned:.3f}  of {count}")


if __name__ == "__main__":
    main()
