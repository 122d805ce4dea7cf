"""Photographs that were never trained on: under a moving camera, with one part that moves, with an object put in.

What comes of them has no one right answer. So: what is known is kept, something moves, and the clip does not fall
apart (`camera.py`).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool

from model.evaluation.camera import changed_inside, travel
from model.evaluation.figures import Bar, Kind
from model.evaluation.from_inputs import BORDER, KEPT, knowing, what_was_given
from model.evaluation.from_words import FROZEN
from model.evaluation.natural import LIVELY, natural
from model.evaluation.pixels import activity_inside, border_gradient, kept
from model.evaluation.prompts import in_turn, never_seen
from model.evaluation.relations import present
from model.evaluation.sheet import to_frames
from model.evaluation.staging import FRAMES, Staging, album
from model.evaluation.studio import Answer, Clip, Frames, Measured, Part, Shot, Studio, as_clip, row
from model.evaluation.truth import box_around
from model.given import Given
from model.tasks import Task
from model.training import pairs, photographs, phrasing
from model.training.colours import OWN
from model.training.mixture import PHOTOGRAPH
from model.training.motions import MOTIONS, NORMAL
from model.training.photographs import CAMERAS
from model.training.phrasing import Actor
from model.training.world import clip_times

STANDS = list(CAMERAS).index("stand")
FASTEST = 2  # paces that are asked for: a quick camera's last frame has too little of its first
ROOM = (0.08, 0.6)  # of a picture, that a mask takes
RIPPLE = 0.02  # of a frame, by which what moves in a right cinemagraph is bent
# Of the box around a mask, first frame and later ones: drift and melt where it stands, and where an object moves in it.
# 8 of 8 and 19 of 20 right answers are below, 1 of 8 and 0 of 20 that fade.
STANDING, MOVING = (0.12, 0.4), (0.45, 0.7)
HOLDS = Bar("holds", limit=0.75)  # of true camera moves nine in ten do


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked about one photograph, what of the answer is known, and a right one."""

    staging: Staging
    task: Task
    given: Given
    source: Frames
    known: Bool[np.ndarray, "t h w"]
    truth: Clip


def shot(index: int, seed: int, camera: int, pace: int) -> tuple[str, dict[str, Any]]:
    """The name of a held-out photograph, all in turn, and the numbers of a shot of it."""
    held = album("cpu").heldout.nonzero()[:, 0].tolist()
    photo = held[in_turn(len(held), index, seed)]
    numbers = {"photo": photo, "camera": camera, "pace": pace}
    return album("cpu").names[photo], {"objects": 0, "setting": PHOTOGRAPH, "shot": numbers}


def drawn(studio: Studio, staging: Staging) -> Frames:
    frames: Frames = to_frames(studio.stages(studio.settings.size).clip(staging)[None])[0]
    return frames


def panned(studio: Studio, index: int) -> Request:
    """The first frame, and what the camera does."""
    seed = studio.settings.seed
    rng = random.Random(f"panned/{seed}/{index}")
    camera, pace = in_turn(len(CAMERAS), index, seed), rng.randrange(FASTEST)
    name, numbers = shot(index, seed, camera, pace)
    prompt = photographs.caption(name, camera, pace, rng.randrange(60))
    staging = Staging(prompt, seed * 100_003 + index, numbers)
    frames = drawn(studio, staging)
    known = knowing(frames, 0)
    return Request(staging, Task.IMAGE_TO_VIDEO, Given(clip=frames[:1]), frames, known, as_clip(frames))


def partly_moving(studio: Studio, index: int) -> Request:
    """A photograph, and a mask in the shape of what moves in a natural scene. A right answer: it ripples there."""
    seed = studio.settings.seed
    rng = random.Random(f"cinemagraph/{seed}/{index}")
    name, numbers = shot(index, seed, STANDS, 1)
    prompt = photographs.caption(name, STANDS, 1, rng.randrange(60), still=True)
    staging = Staging(prompt, seed * 100_003 + index, numbers)
    source = drawn(studio, staging)
    inside = natural_mask(studio, rng)
    known = np.repeat(~inside[None], len(source), 0)
    known[0] = True
    right = torch.where(torch.from_numpy(known), as_clip(source), rippled(as_clip(source)))
    given = Given(clip=source[:1], mask=inside[None])
    return Request(staging, Task.CINEMAGRAPH, given, source, known, right)


def natural_mask(studio: Studio, rng: random.Random) -> Bool[np.ndarray, "h w"]:
    """Where a natural scene moves, neither nearly nothing nor nearly all of it."""
    while True:
        region = studio.stages(studio.settings.size).region(natural(rng.randrange(10_000), 0)).cpu()
        if ROOM[0] < region.float().mean() < ROOM[1]:
            return np.asarray(region)


def rippled(clip: Clip) -> Clip:
    """Each frame bent by waves that run across it, and not at the beginning."""
    frames = clip.transpose(0, 1)
    line = torch.linspace(-1, 1, clip.shape[-1])
    down, across = torch.meshgrid(line, line, indexing="ij")
    time = torch.linspace(0, 1, len(frames)).view(-1, 1, 1)
    wave = 2 * RIPPLE * (20 * time).sin() * (9 * across + 7 * down + 12 * time).sin()
    bent = torch.stack([across + wave, down + wave], -1)
    return F.grid_sample(frames, bent, padding_mode="reflection", align_corners=True).transpose(0, 1)


def put_in(studio: Studio, index: int) -> Request:
    """A shot of a photograph, and a box in which an object is to be: one that goes with it, or one that stands."""
    seed = studio.settings.seed
    rng = random.Random(f"put in/{seed}/{index}")
    camera, pace, motion = (
        rng.randrange(len(CAMERAS)),
        rng.randrange(FASTEST),
        in_turn(len(MOTIONS), index, seed),
    )
    photo, numbers = shot(index, seed, camera, pace)
    name = rng.choice(never_seen(motion))
    place = phrasing.place_before(photo, camera, pace, rng, still=False)
    told = phrasing.one(Actor(name, motion, NORMAL, OWN), place, rng, still=False)
    numbers |= {"objects": 1, "first": {"object": 0, "motion": motion, "speed": NORMAL, "colour": OWN}}
    asked = {"motion": MOTIONS[motion]}
    staging = Staging(phrasing.tidy(told), seed * 100_003 + index, numbers, (name,), asked)
    source = drawn(studio, staging.without_objects())
    inside = around(studio, staging, still=index % 2 == 1)
    right = torch.where(torch.from_numpy(inside), as_clip(drawn(studio, staging)), as_clip(source))
    return Request(staging, Task.INPAINT, Given(clip=source, mask=inside), source, ~inside, right)


def around(studio: Studio, staging: Staging, *, still: bool) -> Bool[np.ndarray, "t h w"]:
    stages = studio.stages(studio.settings.size)
    times = clip_times(1, FRAMES, studio.device)
    path = pairs.alone(stages.scene(staging).first, times, (1.0, 1.0))
    return box_around(path, stages.size, still=still).cpu().numpy()


def under_a_camera(studio: Studio, request: Request, made: Clip) -> Measured:
    """A camera that stands leaves nothing that must move."""
    stands = request.staging.numbers["shot"]["camera"] == STANDS
    found = travel(made)
    likeness = {"drift": found.drift, "melt": found.melt, "likeness": found.likeness}
    return likeness | {"frozen": None if stands else studio.frozen(made), "holds": found.holds}


def beside_what_stands(studio: Studio, request: Request, made: Clip) -> Measured:
    """The mask is the same in all frames; the first one is given."""
    inside = torch.from_numpy(~request.known[1:])
    active = activity_inside(made[:, 1:], inside)
    drift, melt = changed_inside(made, inside[:1].expand(made.shape[1], -1, -1))
    return {
        "activity": active,
        "lively": active > LIVELY,
        "holds": drift <= STANDING[0] and melt <= STANDING[1],
    }


def in_the_box(studio: Studio, request: Request, made: Clip) -> Measured:
    """The judge of looks was not taught before photographs: that it finds the object tells more than what it names."""
    inside = torch.from_numpy(~request.known)
    number = studio.judges.config.objects.index(request.staging.names[0])
    drift, melt = changed_inside(made, inside)
    return {
        "border": border_gradient(made, inside),
        "present": present(studio.judges, made.to(studio.device), number),
        "holds": drift <= MOVING[0] and melt <= MOVING[1],
    }


def photographed(
    studio: Studio,
    indices: Sequence[int],
    name: str,
    request_for: Callable[[Studio, int], Request],
    measure: Callable[[Studio, Request, Clip], Measured],
) -> Iterator[Shot]:
    """The pipeline's answer to each request."""
    for index in indices:
        request = request_for(studio, index)
        staging, spec = request.staging, studio.spec(request.staging, task=request.task)
        frames = studio.pipeline.generate(spec, given=request.given)
        made = as_clip(frames)
        looks = studio.seen(made)
        seen = {what: looks[what] for what in staging.asked}
        right = {what: seen[what] == staging.asked[what] for what in seen}
        measured = {
            "kept": kept(frames, request.source, request.known),
            **right,
            **measure(studio, request, made),
        }
        answer = Answer(name, index, staging.prompt, staging.seed, dict(staging.asked), seen, measured)
        shown = np.concatenate([what_was_given(request.source, request.known), row(made)])
        yield Shot(answer, shown, spec, request.given, frames)


def part(
    name: str,
    task: Task,
    bars: tuple[Bar, ...],
    request_for: Callable[[Studio, int], Request],
    measure: Callable[[Studio, Request, Clip], Measured],
) -> Part:
    ask = partial(photographed, name=name, request_for=request_for, measure=measure)
    return Part(name, bars, ask, n=24, task=task)


PARTS = (
    part(
        "photographs",
        Task.IMAGE_TO_VIDEO,
        (KEPT, FROZEN, HOLDS, *(Bar(one, Kind.MEDIAN) for one in ("drift", "melt", "likeness"))),
        panned,
        under_a_camera,
    ),
    part(
        "photographs_cinemagraph",
        Task.CINEMAGRAPH,
        (KEPT, Bar("lively", limit=0.9), HOLDS, Bar("activity", Kind.MEDIAN)),
        partly_moving,
        beside_what_stands,
    ),
    part(
        "photographs_inpaint",
        Task.INPAINT,
        (KEPT, BORDER, HOLDS, Bar("present"), Bar("motion")),
        put_in,
        in_the_box,
    ),
)
