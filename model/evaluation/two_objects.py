"""Prompts of two objects and what one is to the other: whether both are seen, and whether the relation is true."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from model.evaluation.figures import Bar
from model.evaluation.from_words import FROZEN, clips
from model.evaluation.prompts import in_turn, never_seen
from model.evaluation.relations import holds, located, present
from model.evaluation.sheet import to_frames
from model.evaluation.staging import Staging
from model.evaluation.studio import Answer, Clip, Measured, Part, Shot, Studio, row
from model.training import phrasing
from model.training.backgrounds import BACKGROUNDS
from model.training.colours import OWN
from model.training.mixture import DRAWN
from model.training.motions import MOTIONS, NORMAL, SPEEDS, STILL
from model.training.pairs import CIRCLE, FOLLOWING, LEFT, ORBITING, RELATIONS, RIGHT
from model.training.phrasing import Actor

NAME = "two_objects"


def pair(index: int, seed: int) -> Staging:
    """Question `index` of the list `seed`: both objects move as they never do in training; all relations in turn."""
    rng = random.Random(f"pair/{seed}/{index}")
    relation = in_turn(len(RELATIONS), index, seed)
    motions = [rng.randrange(len(MOTIONS)), rng.randrange(len(MOTIONS))]
    if relation == ORBITING:
        motions[0] = CIRCLE
    if relation == FOLLOWING:
        motions = [rng.choice((RIGHT, LEFT))] * 2
    first = rng.choice(never_seen(motions[0]))
    second = rng.choice([name for name in never_seen(motions[1]) if name != first])
    speeds = [NORMAL if motion == STILL else rng.randrange(len(SPEEDS)) for motion in motions]
    actors = [
        Actor(name, motion, speed, OWN)
        for name, motion, speed in zip([first, second], motions, speeds, strict=True)
    ]
    background = rng.randrange(len(BACKGROUNDS))
    told = phrasing.two(actors[0], actors[1], relation, phrasing.place_on(background), rng, still=False)
    one, other = (
        {"object": number, "motion": actor.motion, "speed": actor.speed, "colour": OWN}
        for number, actor in enumerate(actors)
    )
    numbers: dict[str, Any] = {"objects": 2, "setting": DRAWN, "background": background, "relation": relation}
    numbers |= {"first": one, "second": other}
    asked = {"relation": name_of(relation)}
    return Staging(phrasing.tidy(told), seed * 100_003 + index, numbers, (first, second), asked)


def name_of(relation: int) -> str:
    return RELATIONS[relation].phrases[0]


def seen(studio: Studio, asked: Staging, clip: Clip) -> tuple[str, tuple[bool, bool]]:
    """The relation if it is true, else those that are; and whether each of the two objects is there."""
    clip = clip.to(studio.device)
    names = studio.judges.config.objects
    numbers = [names.index(name) for name in asked.names]
    places = [located(studio.judges, clip[None], torch.tensor([number])) for number in numbers]
    every = torch.arange(len(RELATIONS), device=studio.device)
    first, second = (place.expand(len(RELATIONS), -1, -1) for place in places)
    true = [name_of(number) for number, yes in enumerate(holds(every, first, second).tolist()) if yes]
    told = asked.asked["relation"]
    one, other = (present(studio.judges, clip, number) for number in numbers)
    return told if told in true else ", ".join(true) or "none", (one, other)


def moves(asked: Staging) -> bool:
    """Whether anything is told to move; the first orbits or follows without a motion of its own."""
    still = all(asked.numbers[which]["motion"] == STILL for which in ("first", "second"))
    return not still or asked.numbers["relation"] in (ORBITING, FOLLOWING)


def two_objects(studio: Studio, indices: Sequence[int]) -> Iterator[Shot]:
    """A relation counts only where both objects are there: of one that is not, any place is made up."""
    questions = [pair(index, studio.settings.seed) for index in indices]
    for index, asked, (_, clip) in zip(indices, questions, clips(studio, questions), strict=True):
        relation, there = seen(studio, asked, clip)
        if not all(there):
            relation = "not both there"
        measured: Measured = {
            "both": all(there),
            "first": there[0],
            "second": there[1],
            "relation": relation == asked.asked["relation"],
            "frozen": studio.frozen(clip) if moves(asked) else None,
        }
        answer = Answer(
            NAME, index, asked.prompt, asked.seed, dict(asked.asked), {"relation": relation}, measured
        )
        yield Shot(answer, row(clip), studio.spec(asked), frames=to_frames(clip[None])[0])


PARTS = (Part(NAME, (FROZEN, Bar("relation"), Bar("both"), Bar("first"), Bar("second")), two_objects),)
