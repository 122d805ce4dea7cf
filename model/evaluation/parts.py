"""Everything that a checkpoint can be judged on, by name."""

from collections.abc import Mapping
from pathlib import Path

from model.evaluation import (
    colouring,
    from_inputs,
    from_words,
    natural,
    photographed,
    stylised,
    two_objects,
    upscaling,
)
from model.evaluation.studio import Part

ASKED = (from_words, two_objects, colouring, natural, from_inputs, photographed, stylised, upscaling)
PARTS: Mapping[str, Part] = {part.name: part for of in ASKED for part in of.PARTS}


def lacking(folder: Path) -> dict[str, str]:
    """The parts that this checkpoint cannot be asked for, and why."""
    reasons = {name: part.lacking(folder) for name, part in PARTS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}
