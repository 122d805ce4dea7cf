"""The fixed list of prompts that judge a model: held-out pairs only, all motions in turn."""

import random
from dataclasses import dataclass

from model.training.backgrounds import BACKGROUNDS
from model.training.captions import caption, noun_phrase, phrasings
from model.training.motions import MOTIONS, NORMAL, SPEEDS, SPINS, STILL, heldout
from model.training.objects import drawings
from model.training.words import UNSEEN, UNSEEN_ADVERBS, UNSEEN_PHRASES


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


def reworded(index: int, seed: int) -> Question:
    """Such a question in words for object, motion and speed that no training caption holds."""
    rng = random.Random(f"reworded/{seed}/{index}")
    motion = random.Random(seed).sample(range(len(MOTIONS)), len(MOTIONS))[index % len(MOTIONS)]
    name = rng.choice([d.name for d in drawings() if d.name in UNSEEN and not (d.round and motion in SPINS)])
    speed = NORMAL if motion == STILL else rng.randrange(len(SPEEDS))
    background = rng.randrange(len(BACKGROUNDS))
    words = (
        noun_phrase(rng.choice(UNSEEN[name])),
        rng.choice(UNSEEN_PHRASES[MOTIONS[motion]]),
        rng.choice(UNSEEN_ADVERBS[speed]),
        BACKGROUNDS[background].place,
    )
    prompt = " ".join(word for word in words if word)
    return Question(
        prompt, name, MOTIONS[motion], SPEEDS[speed], BACKGROUNDS[background].name, seed * 100_003 + index
    )
