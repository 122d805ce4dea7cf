"""Prompts of an object in a colour that it never had in training; pixels tell which one it has.

The judge of looks says where the object is, and no more: it learned from drawings in their own colours.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from model.evaluation.figures import Bar
from model.evaluation.from_words import FROZEN, clips
from model.evaluation.judges import Judges
from model.evaluation.prompts import in_turn, never_seen
from model.evaluation.sheet import to_frames
from model.evaluation.sight import frames_of
from model.evaluation.staging import Staging
from model.evaluation.studio import Answer, Measured, Part, Shot, Studio, row
from model.training import phrasing
from model.training.backgrounds import BACKGROUNDS
from model.training.canvas import rgb
from model.training.colours import COLOURS, paintable
from model.training.mixture import DRAWN
from model.training.motions import MOTIONS, NORMAL, SPEEDS, STILL
from model.training.phrasing import Actor

NAME = "colours"
GLANCES = 8  # moments of a clip that are looked at
SIDE = 32  # pixels of each frame whose colours are counted
SHADE, LIGHT = 0.75, 0.2  # of a colour where the drawing is darker than usual, or lighter
LIGHTNESS = 0.8  # weight of a difference of lightness, beside those of hue
FAR = 0.02  # of the judge's strongest attention: where the object is not
BESIDE = 0.7  # how much it tells against a colour that it is seen there too


def coloured(index: int, seed: int) -> Staging:
    """Question `index` of the list `seed`: neither has the object this colour in training nor moves it so; all motions
    and all colours in turn, but that a colour which no object is left for gives way to the next one."""
    rng = random.Random(f"colour/{seed}/{index}")
    motion, turn = in_turn(len(MOTIONS), index, seed), in_turn(len(COLOURS), index, seed)
    names = never_seen(motion)
    may = paintable(names, held=True).roll(-turn, 1)
    behind = may.any(0).tolist().index(True)
    colour = (turn + behind) % len(COLOURS)
    name = rng.choice([one for one, free in zip(names, may[:, behind].tolist(), strict=True) if free])
    speed = NORMAL if motion == STILL else rng.randrange(len(SPEEDS))
    background = rng.randrange(len(BACKGROUNDS))
    actor = {"object": 0, "motion": motion, "speed": speed, "colour": colour + 1}
    told = phrasing.one(
        Actor(name, motion, speed, colour + 1), phrasing.place_on(background), rng, still=False
    )
    numbers = {"objects": 1, "setting": DRAWN, "background": background, "first": actor}
    asked = {
        "colour": list(COLOURS)[colour],
        "motion": MOTIONS[motion],
        "background": BACKGROUNDS[background].name,
    }
    return Staging(phrasing.tidy(told), seed * 100_003 + index, numbers, (name,), asked)


def lab(picture: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """CIELAB (D65) of sRGB colours in [0, 1]."""
    linear = torch.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    primaries = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    white = torch.tensor([0.9505, 1.0, 1.089])
    xyz = linear @ torch.tensor(primaries, device=picture.device).T / white.to(picture.device)
    bent = torch.where(xyz > 0.008856, xyz.clamp(min=1e-9) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = bent.unbind(-1)
    return torch.stack([LIGHTNESS * (116 * y - 16), 500 * (x - y), 200 * (y - z)], -1)


@cache
def shades() -> Float[Tensor, "s c 3"]:
    """Each colour of COLOURS, darker and lighter too."""
    pure = torch.tensor([rgb(code) for code in COLOURS.values()])
    return lab(torch.stack([pure, SHADE * pure, pure + LIGHT * (1 - pure)]))


@torch.no_grad()
def colour_of(judges: Judges, clip: Float[Tensor, "3 t h w"]) -> str:
    """The name of the colour that is where the judge of looks attends to, more than it is where it does not."""
    at = torch.linspace(0, clip.shape[1] - 1, GLANCES, device=clip.device).round().long()
    frames = frames_of(clip[:, at])
    attends = judges.look.where(judges.look.trunk(frames)).flatten(1).softmax(1)
    cells = int(attends.shape[1] ** 0.5)
    there = F.interpolate(attends.view(-1, 1, cells, cells), (SIDE, SIDE), mode="bilinear")[:, 0].flatten(1)
    there = there / there.amax(1, keepdim=True)
    sparse = frames[
        :, :, 2 :: frames.shape[-1] // SIDE, 2 :: frames.shape[-1] // SIDE
    ]  # not averaged: edges are no colour
    pixels = lab((sparse.flatten(2).transpose(1, 2).clamp(-1, 1) + 1) / 2)
    distance = (pixels[:, :, None, None] - shades().to(clip.device)).square().sum(-1).amin(2)
    hot = F.one_hot(distance.argmin(-1), len(COLOURS)).float()
    away = (there < FAR).float()
    inside = (there[..., None] * hot).sum(1) / there.sum(1, keepdim=True)
    beside = (away[..., None] * hot).sum(1) / away.sum(1, keepdim=True).clamp(min=1)
    return list(COLOURS)[int((inside - BESIDE * beside).sum(0).argmax())]


def colours(studio: Studio, indices: Sequence[int]) -> Iterator[Shot]:
    """Colour, motion and background; the judge of looks does not know objects in other colours."""
    questions = [coloured(index, studio.settings.seed) for index in indices]
    for index, asked, (_, clip) in zip(indices, questions, clips(studio, questions), strict=True):
        looks = studio.seen(clip)
        seen = {"colour": colour_of(studio.judges, clip.to(studio.device))}
        seen |= {what: looks[what] for what in ("motion", "background")}
        right = {what: seen[what] == asked.asked[what] for what in seen}
        still = asked.asked["motion"] == MOTIONS[STILL]
        measured: Measured = {**right, "frozen": None if still else studio.frozen(clip)}
        answer = Answer(NAME, index, asked.prompt, asked.seed, dict(asked.asked), seen, measured)
        yield Shot(answer, row(clip), studio.spec(asked), frames=to_frames(clip[None])[0])


# Of rendered truth 92 in 100 have their colour by this measure: the bar is what an object is held to, of those.
PARTS = (Part(NAME, (Bar("colour", limit=0.78), FROZEN, Bar("motion"), Bar("background")), colours),)
