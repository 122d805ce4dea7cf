"""What a video of some width and height is made on: the grid of its base clip, and what of its enlargement is kept."""

from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

# Rows and columns of a base clip, in quarters of the side of a square one: 128 x 128, 96 x 160, 160 x 96. All have
# nearly as many pixels, and are divisible by 32.
SQUARE, WIDE, TALL = (4, 4), (3, 5), (5, 3)


@dataclass(frozen=True)
class Canvas:
    """A base clip of `rows` x `columns` pixels is enlarged `factor` times; the middle height x width is the video."""

    height: int
    width: int
    rows: int
    columns: int
    factor: int

    @classmethod
    def of(cls, width: int, height: int, base_size: int) -> "Canvas":
        """For a video of this size, by a network whose square base clips have sides of `base_size` pixels."""
        down, across = SQUARE if width == height else WIDE if width > height else TALL
        rows, columns = down * base_size // 4, across * base_size // 4
        return cls(height, width, rows, columns, max(width // columns, height // rows))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the base clip."""
        return self.rows, self.columns

    @property
    def enlarged(self) -> tuple[int, int]:
        """Rows and columns that the super-resolution makes."""
        return self.rows * self.factor, self.columns * self.factor

    @property
    def top(self) -> int:
        """Rows that are cut off above, and as many below."""
        return (self.enlarged[0] - self.height) // 2

    @property
    def left(self) -> int:
        """Columns that are cut off on the left, and as many on the right."""
        return (self.enlarged[1] - self.width) // 2

    def cut(self, clip: Shaped[Tensor, "*b H W"]) -> Shaped[Tensor, "*b h w"]:
        """Of an enlarged clip what the video shows: a view."""
        return clip[..., self.top : self.top + self.height, self.left : self.left + self.width]
