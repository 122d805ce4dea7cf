"""Everything that a checkpoint can be judged on, by name."""

from collections.abc import Mapping
from pathlib import Path

from model.evaluation import from_inputs, from_words, stylised, upscaling
from model.evaluation.studio import Part

PARTS: Mapping[str, Part] = {
    part.name: part for part in (*from_words.PARTS, *from_inputs.PARTS, *stylised.PARTS, *upscaling.PARTS)
}

# What is to be judged as soon as there is something to judge it by.
UNASKED: dict[str, str] = {
    "photographs": "there are no questions about photographs yet",
    "two_objects": "there are no questions about two objects yet",
}


def lacking(folder: Path) -> dict[str, str]:
    """The parts that this checkpoint cannot be asked for, and why."""
    reasons = {name: part.lacking(folder) for name, part in PARTS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None} | UNASKED
