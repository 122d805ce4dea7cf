"""What a scene of the mixture is called: many phrasings, synonyms, relations and colours; never a held-out word."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.training import captions, photographs
from model.training.backgrounds import BACKGROUNDS
from model.training.colours import NAMED
from model.training.motions import MOTIONS
from model.training.pairs import FOLLOWING, ORBITING, RELATIONS
from model.training.scenery import NATURE
from model.training.words import ADVERBS, MORE_PHRASES, SYNONYMS

PLAIN = 0.4  # share of captions of one object in the plain phrasings that evaluation asks in
SYNONYM = 0.25  # share of names for which a synonym stands, where there is one
CAMERA_TOLD = 0.7  # share of captions of objects before a photograph that tell of the camera
ONE = (
    "{thing} {action} {place}", "{place}, {thing} {action}", "{place} {thing} {action}",
    "a video of {thing} {action} {place}",
    "an animation of {thing} {action} {place}", "there is {thing} {action} {place}",
    "we see {thing} {action} {place}",
    "a clip that shows {thing} {action} {place}", "a short film of {thing} {action} {place}",
    "{thing} {action}, {place}",
)  # fmt: skip
ONE_SHOWN = (
    "{thing} {place}", "{place}, {thing}", "a picture of {thing} {place}", "there is {thing} {place}",
    "{thing}, {place}",
    "an image that shows {thing} {place}",
)  # fmt: skip
TWO = (
    "{first} {action} {relation} {second} {other} {place}", "{place}, {first} {action} {relation} {second} {other}",
    "a video of {first} {action} {relation} {second} {other} {place}",
    "there is {first} {action} {relation} {second} {other} {place}",
    "two things {place}: {first} {action} {relation} {second} {other}",
)  # fmt: skip
TWO_SHOWN = (
    "{first} {relation} {second} {place}", "{place}, {first} {relation} {second}",
    "a picture of {first} {relation} {second} {place}",
    "two things {place}: {first} {relation} {second}",
)  # fmt: skip
BEFORE_A_PHOTOGRAPH = ("in front of a photograph of {name}", "before a photo of {name}", "in front of {name}")


@dataclass(frozen=True)
class Actor:
    """An object as captions see it: numbers of its motion, speed and colour."""

    name: str
    motion: int
    speed: int
    colour: int


def thing(actor: Actor, rng: random.Random) -> str:
    """The object with its article: by its name, or, in its own colours, by another word for it."""
    if actor.colour:
        return captions.noun_phrase(actor.name, NAMED[actor.colour])
    others = SYNONYMS.get(actor.name, ())
    if others and rng.random() < SYNONYM:
        return captions.noun_phrase(rng.choice(others))
    return captions.noun_phrase(actor.name)


def action(actor: Actor, rng: random.Random) -> str:
    """What it does, and how fast."""
    name = MOTIONS[actor.motion]
    more = MORE_PHRASES[name]
    if actor.name in captions.MANY:  # "scissors that spins"
        more = tuple(phrase for phrase in more if not phrase.startswith("that "))
    phrase, adverb = rng.choice(captions.PHRASES[name] + more), rng.choice(ADVERBS[actor.speed])
    before = adverb.endswith("ly") and not phrase.startswith("that ") and rng.random() < 0.5
    return f"{adverb} {phrase}" if before else f"{phrase} {adverb}"


def one(actor: Actor, place: str, rng: random.Random, still: bool) -> str:
    """One object somewhere."""
    template = rng.choice(ONE_SHOWN if still else ONE)
    return template.format(thing=thing(actor, rng), action=action(actor, rng), place=place)


def two(first: Actor, second: Actor, relation: int, place: str, rng: random.Random, still: bool) -> str:
    """Two objects, what they do, and what the first is to the second."""
    said = rng.choice(RELATIONS[relation].phrases)
    doing, other = action(first, rng), action(second, rng)
    if relation == ORBITING:  # what it does is the relation
        doing = rng.choice(ADVERBS[first.speed])
    if relation == FOLLOWING:
        doing, other = "", action(replace(second, motion=first.motion, speed=first.speed), rng)
    template = rng.choice(TWO_SHOWN if still else TWO)
    things = {"first": thing(first, rng), "second": thing(second, rng)}
    return template.format(**things, action=doing, relation=said, other=other, place=place)


def place_in_nature(kind: int, tone: int) -> str:
    """Where an object in front of a natural scene is."""
    scene = NATURE[kind]
    return scene.place.format(tone=list(scene.tones)[tone])


def place_before(photograph: str, camera: int, pace: int, rng: random.Random, still: bool) -> str:
    """Where an object in front of a photograph is, and mostly what the camera does."""
    place = rng.choice(BEFORE_A_PHOTOGRAPH).format(name=photograph)
    if still or not camera or rng.random() > CAMERA_TOLD:
        return place
    return f"{place}, {photographs.move_of(camera, pace, rng.randrange(9))}"


def plain(actor: Actor, background: int, rng: random.Random, still: bool) -> str:
    """One object in its own colours before a drawn background, as evaluation asks for it."""
    template = rng.randrange(captions.phrasings(still=still))
    return captions.caption(actor.name, actor.motion, actor.speed, background, template, still=still)


def place_on(background: int) -> str:
    return BACKGROUNDS[background].place


def tidy(text: str) -> str:
    """Without the gaps that empty words leave, and with the article that a colour asks for."""
    text = " ".join(text.split()).replace(" ,", ",").replace(" :", ":").strip(" ,")
    return re.sub(r"\ba (?=orange\b)", "an ", text)


def pieces() -> Sequence[str]:
    """Whatever captions are made of beside names: what a reduced text encoder must know."""
    told = [
        *ONE,
        *ONE_SHOWN,
        *TWO,
        *TWO_SHOWN,
        *BEFORE_A_PHOTOGRAPH,
        *NAMED,
        *photographs.TOLD,
        *photographs.SHOWN,
    ]
    told += [text for moves in photographs.MOVES.values() for text in moves] + list(photographs.PACES)
    told += [text for r in RELATIONS for text in (*r.phrases, r.unseen)]
    for scene in NATURE:
        told += [*scene.told, *scene.shown, scene.place, *scene.tones, *scene.ways, *scene.paces]
    return told
