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
    """One object, its motion and its background, and the seed of both noise and truth."""

    prompt: str
    object: str
    motion: str
    speed: str
    background: str
    seed: int


def question(index: int, seed: int) -> Question:
    """Prompt `index` of the list `seed`; the list of 12 is the beginning of the list of 200."""
    rng = random.Random(f"{seed}/{index}")
    motion = in_turn(len(MOTIONS), index, seed)
    name = rng.choice(never_seen(motion))
    speed = NORMAL if motion == STILL else rng.randrange(len(SPEEDS))
    background = rng.randrange(len(BACKGROUNDS))
    prompt = caption(name, motion, speed, background, rng.randrange(phrasings()))
    return Question(
        prompt, name, MOTIONS[motion], SPEEDS[speed], BACKGROUNDS[background].name, seed * 100_003 + index
    )


def reworded(index: int, seed: int) -> Question:
    """Such a question in words for object, motion and speed that no training caption holds."""
    rng = random.Random(f"reworded/{seed}/{index}")
    motion = in_turn(len(MOTIONS), index, seed)
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


def in_turn(count: int, index: int, seed: int) -> int:
    """Which of so many things question `index` is about: the first `count` questions meet them all, each list shuffles
    them in its own way."""
    return random.Random(seed).sample(range(count), count)[index % count]


def never_seen(motion: int) -> list[str]:
    """The objects that never move so in training, and that can be seen to."""
    return [
        d.name for d in drawings() if heldout(d.name, MOTIONS[motion]) and not (d.round and motion in SPINS)
    ]
