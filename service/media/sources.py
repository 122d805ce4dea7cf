"""What was given with the words, found to be of a kind, and nothing more yet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from worker.media import Medium


@dataclass(frozen=True)
class Source:
    """One input that was found to be of this kind; `keep` looks inside and stores a copy for the job of this id.

    `known_as` is what a repeated request has in common with the first.
    """

    field: str
    kind: str
    known_as: str
    keep: Callable[[str], Medium]


class Sources(NamedTuple):
    """All inputs of one video, by what they are for."""

    reference: Source | None = None  # what it begins with
    mask: Source | None = None  # what of that is made
    last_frame: Source | None = None  # where it ends

    @property
    def given(self) -> tuple[Source, ...]:
        """Those that there are."""
        return tuple(source for source in self if source is not None)

    @property
    def known_as(self) -> str:
        """What a repeated request has in common with the first."""
        return " ".join(source.known_as for source in self.given)


NO_SOURCES = Sources()
