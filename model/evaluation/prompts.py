"""The fixed list of prompts that judge a model: held-out pairs only, all motions in turn."""

import random
from dataclasses import dataclass

from model.training.backgrounds import BACKGROUNDS
from model.training.captions import caption, phrasings
from model.training.motions import MOTIONS, NORMAL, SPEEDS, SPINS, STILL, heldout
from model.training.objects import drawings


@dataclass(frozen=True)
class Question:
    """What is asked of the model, and with which seed."""

    prompt: str
    object: str
    motion: str
    speed: str
    background: str
    seed: int


def question(index: int, seed: int) -> Question:
    """Prompt `index` of the list `seed`; the list of 12 is the beginning of the list of 200."""
    rng = random.Random(f"{seed}/{index}")
    # the first twelve meet twelve motions, fourteen meet them all; every list shuffles them alike
    motion = random.Random(seed).sample(range(len(MOTIONS)), len(MOTIONS))[index % len(MOTIONS)]
    names = [
        d.name for d in drawings() if heldout(d.name, MOTIONS[motion]) and not (d.round and motion in SPINS)
    ]
    name = rng.choice(names)
    speed = NORMAL if motion == STILL else rng.randrange(len(SPEEDS))
    background = rng.randrange(len(BACKGROUNDS))
    prompt = caption(name, motion, speed, background, rng.randrange(phrasings()))
    return Question(
        prompt, name, MOTIONS[motion], SPEEDS[speed], BACKGROUNDS[background].name, seed * 100_003 + index
    )
