"""Natural scenes: what moves by itself, where, and what its captions say of direction, pace and colour."""

from dataclasses import dataclass, fields
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model.training.canvas import Window, alike, rgb
from model.training.scenery import NATURE
from model.training.stage import Painting, Stage

CHANCES = 6  # that a painter has
RATES = (0.45, 1.0, 2.0)  # of a pace
KINDS, TOGETHER = 6, 512  # so many kinds in so many scenes
ONE_MOMENT = 1.0  # seconds, of what stands still

TONES = torch.tensor([len(nature.tones) for nature in NATURE])
WAYS = torch.tensor([len(nature.ways) for nature in NATURE])


@dataclass(frozen=True)
class Natural:
    """n natural scenes, by number: kind, colours, direction, pace; and the chances of the rest."""

    kind: Int[Tensor, " n"]
    tone: Int[Tensor, " n"]
    way: Int[Tensor, " n"]
    pace: Int[Tensor, " n"]
    look: Float[Tensor, "n c"]

    def __len__(self) -> int:
        return len(self.kind)

    def __getitem__(self, rows: slice | Tensor) -> "Natural":
        return Natural(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def drawn(cls, n: int, generator: torch.Generator) -> "Natural":
        """n scenes at random, on the generator's device (a CPU's)."""
        # a few kinds in every so many: each has its painter to call, however few its scenes
        few = torch.rand(n // TOGETHER + 1, len(NATURE), generator=generator).argsort(1)[:, :KINDS]
        kind = few[torch.arange(n) // TOGETHER, torch.randint(KINDS, (n,), generator=generator)]
        chance = torch.rand(n, 2 + CHANCES, generator=generator)
        return cls(
            kind=kind,
            tone=(chance[:, 0] * TONES[kind]).long(),
            way=(chance[:, 1] * WAYS[kind]).long(),
            pace=torch.randint(len(RATES), (n,), generator=generator),
            look=chance[:, 2:],
        )


@cache
def palette(
    kind: int, device: str
) -> tuple[Float[Tensor, "n m 3"], Float[Tensor, "w 2"], Float[Tensor, " p"]]:
    """The colours, directions and rates of a kind, on a device."""
    nature = NATURE[kind]
    colours = torch.tensor([[rgb(code) for code in codes] for codes in nature.tones.values()], device=device)
    ways = torch.tensor(list(nature.ways.values()), device=device)
    return colours, ways, torch.tensor(RATES, device=device)


def painted(kind: int, scenes: Natural, times: Float[Tensor, "k t"], window: Window) -> Painting:
    """Scenes that are all of one kind."""
    colours, ways, rates = palette(kind, str(times.device))
    stage = Stage(
        still=window.canvas(torch.full_like(times[:, :1], ONE_MOMENT), scenes.look),
        moving=window.canvas(times, scenes.look),
        tones=colours[scenes.tone],
        way=ways[scenes.way],
        rate=rates[scenes.pace],
    )
    still, moving, region = NATURE[kind].painter(stage)
    return Painting(still.clamp(0, 1), moving.clamp(0, 1), region.clamp(0, 1))


def draw(scenes: Natural, times: Float[Tensor, "n t"], window: Window) -> Float[Tensor, "n t 3 h w"]:
    """The window's part of each scene, in [0, 1]. What lies outside of `regions` is the same at all times."""
    out = torch.empty(*times.shape, 3, window.height, window.width, device=times.device)
    for kind, rows in alike(scenes.kind):
        still, moving, region = painted(kind, scenes[rows], times[rows], window[rows])
        out[rows] = torch.lerp(still.expand(moving.shape), moving, region[:, :, None])
    return out


def regions(scenes: Natural, window: Window) -> Bool[Tensor, "n h w"]:
    """Where each scene moves: nothing else of it does."""
    n, device = len(scenes), scenes.look.device
    out = torch.empty(n, window.height, window.width, dtype=torch.bool, device=device)
    for kind, rows in alike(scenes.kind):
        moment = torch.zeros(len(rows), 1, device=device)
        out[rows] = painted(kind, scenes[rows], moment, window[rows]).region[:, 0] > 0
    return out


def caption(kind: int, tone: int, way: int, pace: int, template: int, *, still: bool = False) -> str:
    """A natural scene in the phrasing numbered `template`; any non-negative number is one."""
    nature = NATURE[kind]
    templates = nature.shown if still else nature.told
    filled = templates[template % len(templates)].format(
        tone=list(nature.tones)[tone], way=list(nature.ways)[way], pace=nature.paces[pace]
    )
    return " ".join(filled.split()).replace(" ,", ",")
