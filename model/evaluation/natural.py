"""Prompts of natural scenes: whether what moves in such scenes moves, and what stands in them stands."""

import random
from collections.abc import Iterator, Sequence
from functools import cache

import torch
from jaxtyping import Bool
from torch import Tensor

from model.evaluation.figures import Bar, Kind
from model.evaluation.from_words import clips
from model.evaluation.judges import MOTION_SIDE
from model.evaluation.pixels import activity_of
from model.evaluation.prompts import in_turn
from model.evaluation.sheet import to_frames
from model.evaluation.staging import Staging
from model.evaluation.studio import Answer, Clip, Measured, Part, Shot, Studio, row
from model.training import nature, phrasing
from model.training.canvas import Window
from model.training.mixture import NATURE as NATURAL
from model.training.nature import CHANCES, RATES, Natural
from model.training.scenery import NATURE

NAME = "nature"
DRAWN = 32  # scenes of a kind that tell where such scenes move
MOST = 0.9  # of them in which a cell moves, to be one that moves; the same share for one that stands
LEAST = 0.05  # of all cells move: those that do so most often, of scenes that are never alike
# Activity of rendered truth (75 scenes of 15 kinds): 0.05 and more where it moves, 0.025 and less where it stands.
LIVELY = 0.03


def natural(index: int, seed: int) -> Staging:
    """Question `index` of the list `seed`, all kinds in turn. No kind is held out: what is new is the chance of it."""
    rng = random.Random(f"nature/{seed}/{index}")
    kind = in_turn(len(NATURE), index, seed)
    scene = NATURE[kind]
    tone, way, pace = (rng.randrange(len(of)) for of in (scene.tones, scene.ways, RATES))
    prompt = phrasing.tidy(nature.caption(kind, tone, way, pace, rng.randrange(len(scene.told))))
    told = {"kind": kind, "tone": tone, "way": way, "pace": pace}
    numbers = {"objects": 0, "setting": NATURAL, "nature": told}
    return Staging(prompt, seed * 100_003 + index, numbers, asked={"kind": scene.name})


@cache
def usually(kind: int, tone: int, way: int) -> tuple[Bool[Tensor, "s s"], Bool[Tensor, "s s"]]:
    """Where nearly all scenes of a kind move, and where nearly none does, in cells of 64 a side."""
    look = torch.rand(DRAWN, CHANCES, generator=torch.Generator().manual_seed(0))
    ones = torch.ones(DRAWN, dtype=torch.long)
    scenes = Natural(kind * ones, tone * ones, way * ones, ones, look)
    often = nature.regions(scenes, Window.of(MOTION_SIDE, torch.zeros(DRAWN, 2))).float().mean(0)
    return often > min(MOST, float(often.quantile(1 - LEAST)) - 1e-6), often < 1 - MOST


def where_it_should(asked: Staging, clip: Clip) -> tuple[float, float]:
    """Activity where such scenes move, and where they stand."""
    scene = asked.numbers["nature"]
    moving, standing = usually(scene["kind"], scene["tone"], scene["way"])
    return activity_of(clip, moving.to(clip.device)), activity_of(clip, standing.to(clip.device))


def natural_scenes(studio: Studio, indices: Sequence[int]) -> Iterator[Shot]:
    """What is seen is not judged: there is no judge of natural scenes."""
    questions = [natural(index, studio.settings.seed) for index in indices]
    for index, asked, (_, clip) in zip(indices, questions, clips(studio, questions), strict=True):
        inside, outside = where_it_should(asked, clip)
        measured: Measured = {
            "moves": inside > LIVELY,
            "stands": outside < LIVELY,
            "inside": inside,
            "outside": outside,
        }
        answer = Answer(NAME, index, asked.prompt, asked.seed, {}, {}, measured)
        yield Shot(answer, row(clip), studio.spec(asked), frames=to_frames(clip[None])[0])


PARTS = (
    Part(
        NAME,
        (
            Bar("moves", limit=0.9),
            Bar("stands", limit=0.9),
            Bar("inside", Kind.MEDIAN),
            Bar("outside", Kind.MEDIAN),
        ),
        natural_scenes,
    ),
)
