"""A student's one step arrives where its guided teacher does in several, and only its temporal weights learn."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.diffusion import schedule
from model.sampling import step_to
from model.text import packaged_encoder
from model.training import distillation
from model.training.distillation import joined, lessons, moved
from model.training.loop import Budget, Place, Trainer
from model.training.objects import Atlas, drawings
from model.training.recipe import Distillation, Settings
from model.training.train import train
from model.training.world import World
from model.weights import load_stunet, save_stunet
from tests.tiny import BASE, INFLATION, stunet

HERE = Place(0, 1, torch.device("cpu"))
SPREAD = 0.4  # standard deviation of Gaussian data, whose flow is known


def gaussian(x, sigma):
    """The best estimate of clean x where clean x is Gaussian."""
    clean = (1 - sigma) * SPREAD**2
    return clean / ((1 - sigma) ** 2 * SPREAD**2 + sigma**2) * x


def width(sigma):
    return ((1 - sigma) ** 2 * SPREAD**2 + sigma**2) ** 0.5


@pytest.mark.parametrize(("begin", "end"), [(1.0, 0.6), (0.7, 0.2), (0.5, 0.0)])
def test_a_teacher_moves_along_the_flow_to_second_order(begin, end):
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[None]
    truth = x * width(end) / width(begin)

    def error(moves):
        levels = torch.linspace(begin, end, moves + 1, dtype=torch.float64).tolist()
        return float((moved(gaussian, x, levels) - truth).abs().max())

    assert error(1) < 0.15
    assert error(8) / error(16) > 3


def test_an_estimate_that_joins_steps_leads_there_in_one():
    x, arrived = torch.randn(2, 5), torch.randn(2, 5)

    torch.testing.assert_close(step_to(x, joined(x, arrived, 0.8, 0.3), 0.8, 0.3), arrived)
    torch.testing.assert_close(joined(x, arrived, 0.8, 0.0), arrived)


@pytest.mark.parametrize("moves", [1, 3])
def test_a_student_stands_on_its_own_schedule(moves):
    plan = Distillation(steps=4, moves=moves, shift=12.0)
    levels = lessons(plan)

    assert [each[0] for each in levels] + [0.0] == pytest.approx(schedule(4, 12.0))
    assert all(len(each) == moves + 1 for each in levels)
    assert all(a[-1] == b[0] for a, b in pairwise(levels))


@pytest.fixture
def taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A teacher's folder, the recipe of its student, and what it needs."""
    monkeypatch.setattr(distillation, "FRAMES", 4)
    monkeypatch.setattr(distillation, "SIZE", 32)
    save_stunet(
        tmp_path / "base_image",
        tmp_path / "base_temporal",
        stunet(BASE, replace(INFLATION, conditioned=True)),
    )
    plan = Distillation(steps=4, guidance=3.0)
    settings = Settings(packaged_encoder(), batch=2, eager=True, distillation=plan)
    world = World(Atlas.load("cpu", 128, [drawing.name for drawing in drawings()[:4]]), "cpu")
    return distillation.distillation(
        settings, HERE, world, tmp_path / "base_image", tmp_path / "base_temporal"
    )


def test_a_student_learns_its_teachers_guided_steps(taught, tmp_path):
    trainer = Trainer(taught.learner, Budget(minutes=60, rate=1e-2, matrix_rate=0.05), HERE, tmp_path / "run")
    batch = next(taught.batches)

    losses = [float(trainer.step(batch, taught.loss, 1.0)) for _ in range(32)]

    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_a_student_is_a_delta_around_its_teachers_image_weights(taught, tmp_path):
    before = load_file(tmp_path / "base_image" / "model.safetensors")
    teacher = load_file(tmp_path / "base_temporal" / "model.safetensors")

    train("base_distilled", taught, Budget(minutes=60, most_steps=2), HERE, tmp_path, None)

    student = load_stunet(tmp_path / "base_image", tmp_path / "base_distilled")
    assert student.config.conditioned
    after = load_file(tmp_path / "base_image" / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    learned = load_file(tmp_path / "base_distilled" / "model.safetensors")
    assert learned.keys() == teacher.keys()
    assert not torch.equal(learned["stem.weight"], teacher["stem.weight"])
    assert (tmp_path / "base_distilled" / "samples.png").stat().st_size > 1000
