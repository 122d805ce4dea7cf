"""Batches drawn together are those drawn one by one."""

from itertools import islice

import pytest
import torch

from model.text import TextEncoder, packaged_encoder
from model.training import feed as feeding
from model.training.feed import TOGETHER, TOKENS, Feed, consecutive, random_moment
from model.training.mixture import Mixture
from model.training.objects import Atlas, drawings
from model.training.photographs import Album
from model.training.pictures import pictures
from model.training.shapes import SHAPES, Shapes
from model.training.super_resolution import FACTORS, Crops
from model.training.world import World

SIZE = 3


@pytest.fixture(scope="module")
def world() -> Mixture:
    objects = World(Atlas.load("cpu", 64, [drawing.name for drawing in drawings()[:8]]), "cpu")
    return Mixture(objects, Album.load("cpu"))


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder(packaged_encoder(), torch.device("cpu"), TOKENS)


@pytest.mark.parametrize("still", [True, False])
def test_every_batch_is_what_its_own_scenes_look_like(world, encoder, still):
    feed = Feed(world, encoder, SIZE, 5, still=still)
    drawn = pictures(
        world,
        feed.draw(),
        Shapes(32, 0.5, 1),
        torch.Generator().manual_seed(2),
        frames=4,
        still=still,
        moves=True,
    )
    batches = list(islice(drawn, TOGETHER))

    group, shapes = next(feed.draw()), Shapes(32, 0.5, 1)
    times, n = torch.Generator().manual_seed(2), SIZE * TOGETHER
    moments = random_moment(n, times) if still else consecutive(n, 4, times)
    for number, batch in enumerate(batches):
        rows, shape = slice(number * SIZE, (number + 1) * SIZE), shapes.draw()
        scenes = group.scenes[rows]
        torch.testing.assert_close(batch.clean, world.render(scenes, moments[rows], shape))
        assert torch.equal(batch.moves, world.regions(scenes, shape))
        assert all(torch.equal(batch.tokens[key], group.tokens[number][key]) for key in batch.tokens)
    assert {batch.clean.shape[-2:] for batch in batches} == {(r * 8, c * 8) for r, c in SHAPES}


def test_a_group_is_drawn_once_for_each_shape(world, encoder, monkeypatch):
    asked, render = [], world.render

    def counted(scenes, times, size, **options):
        asked.append((len(scenes), size))
        return render(scenes, times, size, **options)

    monkeypatch.setattr(world, "render", counted)
    feed = Feed(world, encoder, SIZE, 5, still=True)
    squares = pictures(world, feed.draw(), Shapes(32, 0.0, 1), torch.Generator(), still=True)

    list(islice(squares, 2 * TOGETHER))

    assert asked == [(SIZE * TOGETHER, (32, 32))] * 2


def test_the_tokens_of_a_group_are_those_of_its_captions(world, encoder, monkeypatch):
    monkeypatch.setattr(feeding, "TOGETHER", 2)
    feed = Feed(world, encoder, SIZE, 5, still=True, dropout=0.0)
    told = []
    captions = world.captions
    monkeypatch.setattr(world, "captions", lambda *a, **k: told.append(captions(*a, **k)) or told[-1])

    group = next(feed.draw())

    assert group.size == SIZE
    assert len(group.scenes) == 2 * SIZE
    for number, tokens in enumerate(group.tokens):
        expected = encoder.tokens(told[0][number * SIZE : (number + 1) * SIZE])
        assert torch.equal(tokens["input_ids"], expected["input_ids"])


def test_crops_are_small_selves_of_sharp_ones_and_every_factor_has_its_turn(world, monkeypatch):
    monkeypatch.setattr("model.training.super_resolution.CROP", 64)
    crops = Crops(world, 1, 3)
    pairs = list(islice(crops.draw(2, torch.Generator().manual_seed(1)), 12))

    assert sorted(pair.factor for pair in pairs) == sorted(FACTORS * 4)
    assert [pair.factor for pair in pairs] != sorted(pair.factor for pair in pairs)
    for high, low, factor in pairs:
        assert high.shape == (2, 3, 1, 64, 64)
        assert low.shape == (2, 3, 1, 64 // factor, 64 // factor)
        blocks = high[:, :, 0].unflatten(-1, (-1, factor)).unflatten(-3, (-1, factor)).mean((-3, -1))
        torch.testing.assert_close(low[:, :, 0], blocks, atol=1e-5, rtol=0)
