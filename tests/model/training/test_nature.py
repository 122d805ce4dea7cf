"""Natural scenes: what stands still stands still, what moves goes where its caption says."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from model.training import nature
from model.training.canvas import Window
from model.training.nature import Natural
from model.training.scenery import NATURE

KINDS = pytest.mark.parametrize("kind", range(len(NATURE)), ids=[scene.name for scene in NATURE])


def scenes_of(kind: int, n: int = 2, seed: int = 0, **numbers: int) -> Natural:
    drawn = Natural.drawn(n, torch.Generator().manual_seed(seed))
    few = {"kind": kind, "tone": 0, "way": 0, "pace": 1} | numbers
    return Natural(**{**vars(drawn), **{name: torch.full((n,), value) for name, value in few.items()}})


def window(size: int | tuple[int, int], n: int = 2) -> Window:
    return Window.of(size, torch.zeros(n, 2))


def times(*moments: float, n: int = 2) -> torch.Tensor:
    return torch.tensor(moments).expand(n, len(moments))


@KINDS
@pytest.mark.parametrize("size", [64, (48, 80), (80, 48)], ids=["square", "wide", "tall"])
def test_outside_of_its_region_nothing_moves_and_inside_something_does(
    kind: int, size: int | tuple[int, int]
):
    scenes = scenes_of(kind)

    clips = nature.draw(scenes, times(0.0, 0.7, 4.9), window(size))
    moves = nature.regions(scenes, window(size))

    assert clips.shape[3:] == moves.shape[1:]
    assert ((clips >= 0) & (clips <= 1)).all()
    changed = (clips != clips[:, :1]).any(1).any(1)
    assert not (changed & ~moves).any()
    assert (changed & moves).flatten(1).float().mean(1).min() > 0.01
    assert 0.02 < moves.float().mean() < 0.98


@KINDS
def test_a_scene_is_the_same_alone_in_a_batch_and_again(kind: int):
    scenes = scenes_of(kind, n=3, seed=4)
    clips = nature.draw(scenes, times(0.3, 1.9, n=3), window(24, 3))

    alone = nature.draw(scenes[1:2], times(0.3, 1.9, n=1), window(24, 1))
    torch.testing.assert_close(clips[1:2], alone, atol=1e-5, rtol=0)
    assert torch.equal(clips, nature.draw(scenes, times(0.3, 1.9, n=3), window(24, 3)))


@KINDS
def test_a_large_picture_made_small_is_nearly_the_small_one(kind: int):
    scenes, moment = scenes_of(kind, 1, seed=1), times(1.3, n=1)

    large = functional.avg_pool2d(nature.draw(scenes, moment, window(256, 1))[:, 0], 4)
    small = nature.draw(scenes, moment, window(64, 1))[:, 0]

    assert 10 * torch.log10(1 / (large - small).square().mean()) > 22


@KINDS
def test_every_colour_is_told_and_seen(kind: int):
    scene = NATURE[kind]
    pictures = {}
    for number, tone in enumerate(scene.tones):
        for template in range(len(scene.told)):
            assert tone in nature.caption(kind, number, 0, 0, template)
        pictures[tone] = nature.draw(scenes_of(kind, tone=number), times(1.0), window(32))

    assert len({len(colours) for colours in scene.tones.values()}) == 1
    tones = list(pictures)
    for one, other in pairwise(tones):
        assert (pictures[one] - pictures[other]).abs().mean() > 0.002


@KINDS
def test_captions_name_direction_and_pace_and_those_of_pictures_do_not(kind: int):
    scene = NATURE[kind]
    for number, way in enumerate(scene.ways):
        for pace, adverb in enumerate(scene.paces):
            for template in range(len(scene.told)):
                text = nature.caption(kind, 0, number, pace, template)
                assert way in text
                assert adverb in text
                assert "{" not in text
                assert "  " not in text
    for template in range(len(scene.shown)):
        text = nature.caption(kind, 0, 0, 0, template, still=True)
        assert not any(adverb in text.split() for adverb in scene.paces if adverb)


def course(kind: str, way: str, seconds: float) -> tuple[float, float]:
    """By how many pixels (of 64) to the right and down what moves has gone: where the later picture looks like the
    earlier."""
    number = [scene.name for scene in NATURE].index(kind)
    scenes = scenes_of(number, n=4, way=list(NATURE[number].ways).index(way))
    moments = times(1.0, 1.0 + seconds, 2.7, 3.3, 4.1, n=4)
    clips = nature.draw(scenes, moments, window(64, 4))
    before, after = (torch.fft.fft2(clips[:, i] - clips.mean(1)) for i in (0, 1))
    alike = torch.fft.ifft2(after * before.conj()).real.sum((0, 1)).roll((8, 8), (0, 1))[:17, :17]
    best = int(alike.argmax())
    return best % 17 - 8, best // 17 - 8


@pytest.mark.parametrize(
    ("kind", "seconds"), [("clouds", 0.5), ("snow", 0.3), ("rain", 0.05), ("sea", 0.3), ("chimney", 0.4)]
)
def test_to_the_right_is_to_the_right(kind: str, seconds: float):
    assert course(kind, "to the right", seconds)[0] > 0 > course(kind, "to the left", seconds)[0]


@pytest.mark.parametrize(("kind", "seconds"), [("snow", 0.3), ("rain", 0.05)])
def test_what_falls_goes_down(kind: str, seconds: float):
    assert course(kind, "straight down", seconds)[1] > 0


def test_a_quick_scene_is_a_slow_one_seen_faster():
    kind = [scene.name for scene in NATURE].index("waterfall")
    slow = nature.draw(scenes_of(kind, pace=0), times(2.0), window(32))
    quick = nature.draw(scenes_of(kind, pace=2), times(2.0 * nature.RATES[0] / nature.RATES[2]), window(32))

    torch.testing.assert_close(slow, quick, atol=1e-4, rtol=0)
