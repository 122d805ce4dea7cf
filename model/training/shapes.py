"""Of which shape the pictures of a batch are: squares, and a share of wide and of tall ones.

A batch has one shape, of three, so that each is compiled once. Which one, the seed and the number of the batch say
alone: all processes draw the same, and none waits for one that draws larger pictures.
"""

import random

from model.canvas import SQUARE, TALL, WIDE

SHAPES = (SQUARE, WIDE, TALL)


class Shapes:
    """Rows and columns of one batch after the other, for squares of `side` pixels."""

    def __init__(self, side: int, oblong: float, seed: int) -> None:
        """`oblong`: share of batches that are not square, half of them wide and half tall."""
        if not 0 <= oblong <= 1:
            raise ValueError(f"a share of oblong batches is between 0 and 1: got {oblong}")
        self._side, self._chance = side, random.Random(seed)
        self._weights = (1 - oblong, oblong / 2, oblong / 2)
        # each first of all once: it is compiled then
        self._first = [shape for shape, weight in zip(SHAPES, self._weights, strict=True) if weight]

    def draw(self) -> tuple[int, int]:
        """Of the next batch."""
        first = self._first.pop(0) if self._first else None
        down, across = first or self._chance.choices(SHAPES, self._weights)[0]
        return down * self._side // 4, across * self._side // 4
