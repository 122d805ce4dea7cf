"""Batches of squares, of wide pictures and of tall ones."""

import subprocess
import sys
from collections import Counter

import pytest
import torch

from model.training import super_resolution
from model.training.objects import Atlas, drawings
from model.training.shapes import Shapes
from model.training.world import World


@pytest.fixture(scope="module")
def world():
    return World(Atlas.load("cpu", 128, [drawing.name for drawing in drawings()[:4]]), "cpu")


def test_the_share_that_is_not_square_is_half_wide_and_half_tall():
    shapes = Shapes(128, 0.4, 0)

    drawn = [shapes.draw() for _ in range(2000)]

    assert drawn[:3] == [(128, 128), (96, 160), (160, 96)]  # each at once, so that it is compiled then
    share = {shape: count / 2000 for shape, count in Counter(drawn).items()}
    assert share == pytest.approx({(128, 128): 0.6, (96, 160): 0.2, (160, 96): 0.2}, abs=0.03)


def test_all_processes_draw_the_same_shapes_and_another_seed_other_ones():
    one, same, other = (Shapes(128, 0.5, seed) for seed in (1, 1, 2))

    drawn = [[shapes.draw() for _ in range(50)] for shapes in (one, same, other)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_squares_alone_are_drawn_where_no_share_is_named():
    shapes = Shapes(128, 0.0, 0)

    assert {shapes.draw() for _ in range(50)} == {(128, 128)}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=rf"between 0 and 1: got {share}"):
        Shapes(128, share, 0)


COMPILED = """
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from model.text import packaged_encoder
from model.training import text_to_video
from model.training.loop import Budget, Place, Trainer
from model.training.objects import Atlas, drawings
from model.training.recipe import Settings
from model.training.world import World
from tests.tiny import BASE, INFLATION

text_to_video.SIZE = 64
compiled, compile_with, seen = CompileCounter(), nn.Module.compile, []
nn.Module.compile = lambda self, **how: compile_with(self, **how, backend=compiled)
here = Place(0, 1, torch.device("cpu"))
world = World(Atlas.load("cpu", 128, [drawing.name for drawing in drawings()[:4]]), "cpu")
settings = Settings(packaged_encoder(), batch=2, image=BASE, inflation=INFLATION, oblong=0.6)
recipe = text_to_video.text_to_image(settings, here, world)
trainer = Trainer(recipe.learner, Budget(minutes=60), here, OUT)
recipe.learner.stem.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[2:]))
for _ in range(9):
    trainer.step(next(recipe.batches), recipe.loss, 1.0)
    print(*seen[-1], compiled.frame_count)
"""


@pytest.mark.slow
def test_a_run_sees_all_shapes_and_compiles_each_once(tmp_path):
    """In a process of its own: the compiler does not look through the type checks of tests."""
    script = COMPILED.replace("OUT", f"__import__('pathlib').Path({str(tmp_path)!r})")

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    steps = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert [shape for *shape, _ in steps[:3]] == [[8, 8], [6, 10], [10, 6]]
    assert len({tuple(shape) for *shape, _ in steps[3:]}) > 1
    assert steps[0][-1] < steps[1][-1] < steps[2][-1] == steps[-1][-1]


@pytest.mark.parametrize("temporal", [False, True])
def test_the_super_resolver_learns_on_crops_of_oblong_pictures_too(world, monkeypatch, temporal):
    asked = []
    render = world.render

    def watched(scenes, times, size, *, crop, crop_size):
        asked.append(size)
        x, y = crop.amax(0)
        assert x <= size[1] - crop_size
        assert y <= size[0] - crop_size
        return render(scenes, times, size, crop=crop, crop_size=crop_size)

    monkeypatch.setattr(world, "render", watched)
    monkeypatch.setattr(super_resolution, "CROP", 64)
    crops = super_resolution.Crops(world, 4 if temporal else 1, 3, 1.0)
    generator = torch.Generator().manual_seed(1)

    sizes = {crops.render(crops.scenes(2, generator))[0].shape[2:] for _ in range(12)}

    assert sizes == {(4 if temporal else 1, 64, 64)}  # one shape to compile, whatever it was cut from
    assert {(768, 1280), (1280, 768), (256, 256)} <= set(asked)
