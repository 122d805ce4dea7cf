"""Long work is done in short turns, so that it can be ended between two of them and delays nobody else for long."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

TURN = 200  # things of a turn
Item = TypeVar("Item")


def turns(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, so many at a time."""
    source = iter(items)
    while turn := list(islice(source, TURN)):
        yield turn
