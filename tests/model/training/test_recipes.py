"""Each recipe on a handful of objects and a network of a few thousand weights: it learns, saves and goes on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.text import packaged_encoder
from model.training import loop, super_resolution, text_to_video
from model.training.loop import Budget, Place, Trainer, share_at
from model.training.mixture import Mixture
from model.training.objects import Atlas, drawings
from model.training.photographs import Album
from model.training.recipe import Recipe, Settings
from model.training.train import train
from model.training.world import World
from model.weights import load_image_unet, load_stunet
from tests.tiny import BASE, INFLATION, SSR

HERE = Place(0, 1, torch.device("cpu"))
SETTINGS = Settings(packaged_encoder(), batch=2, eager=True, image=BASE, inflation=INFLATION)


@pytest.fixture(scope="module")
def world() -> Mixture:
    objects = World(Atlas.load("cpu", 128, [drawing.name for drawing in drawings()[:4]]), "cpu")
    return Mixture(objects, Album.load("cpu"))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips of 8 frames of 32x32, windows of 4 frames of 64x64."""
    monkeypatch.setattr(text_to_video, "FRAMES", 8)
    monkeypatch.setattr(text_to_video, "SIZE", 32)
    monkeypatch.setattr(super_resolution, "CROP", 64)
    monkeypatch.setattr(loop, "LOG_STEPS", 2)
    monkeypatch.setattr(super_resolution, "WINDOW", 4)


def run(name: str, recipe: Recipe, out: Path, steps: int = 3, resume: Path | None = None) -> None:
    train(name, recipe, Budget(minutes=60, most_steps=steps), HERE, out, resume)


def test_the_base_cascade_trains_from_nothing_to_a_video_network(world: Mixture, tmp_path: Path) -> None:
    run("base_image", text_to_video.text_to_image(SETTINGS, HERE, world), tmp_path)
    before = load_file(tmp_path / "base_image" / "model.safetensors")
    run("base_temporal", text_to_video.temporal(SETTINGS, HERE, world, tmp_path / "base_image"), tmp_path)

    assert load_stunet(tmp_path / "base_image", tmp_path / "base_temporal").temporal_factor == 2
    after = load_file(tmp_path / "base_image" / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (tmp_path / "base_temporal" / "samples.png").stat().st_size > 10_000


def test_the_super_resolution_cascade_trains_too(world: Mixture, tmp_path: Path) -> None:
    settings = replace(SETTINGS, image=SSR)
    recipe = super_resolution.upscaler(settings, HERE, world)
    run("ssr_image", recipe, tmp_path)
    assert all(p.requires_grad for p in recipe.learner.parameters())  # drawing samples froze nothing

    run("ssr_temporal", super_resolution.temporal(settings, HERE, world, tmp_path / "ssr_image"), tmp_path)

    assert load_stunet(tmp_path / "ssr_image", tmp_path / "ssr_temporal").image.config == SSR


def test_learning_lowers_the_loss_of_a_fixed_batch(world: Mixture, tmp_path: Path) -> None:
    recipe = text_to_video.text_to_image(SETTINGS, HERE, world)
    trainer = Trainer(recipe.learner, Budget(minutes=60), HERE, tmp_path)
    batch = next(recipe.batches)
    torch.manual_seed(0)
    losses = [float(trainer.step(batch, recipe.loss, 1.0)) for _ in range(40)]

    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_a_long_run_is_saved_on_its_way(
    world: Mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_STEPS", 1)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)
    recipe = text_to_video.text_to_image(SETTINGS, HERE, world)
    trainer, saves = Trainer(recipe.learner, Budget(minutes=60, most_steps=3), HERE, tmp_path), list[int]()

    trainer.run(recipe.batches, recipe.loss, lambda: saves.append(trainer.steps))

    assert saves == [1, 2, 3]


def test_a_run_goes_on_from_a_state_exactly_and_from_weights_alone(world: Mixture, tmp_path: Path) -> None:
    run("base_image", text_to_video.text_to_image(SETTINGS, HERE, world), tmp_path / "a")
    state = load_file(tmp_path / "a" / "base_image" / "state.safetensors")

    recipe = text_to_video.text_to_image(SETTINGS, HERE, world)
    trainer = Trainer(recipe.learner, Budget(minutes=60), HERE, tmp_path / "b")
    trainer.resume(tmp_path / "a" / "base_image")
    name = trainer.names[0]
    assert torch.equal(trainer.parameters[0], state[f"weight.{name}"])
    assert torch.equal(trainer.averaged[0], state[f"average.{name}"])
    trainer.save_state()
    saved = load_file(tmp_path / "b" / "state.safetensors")
    assert saved.keys() == state.keys()
    assert all(torch.equal(saved[key], state[key]) for key in state)

    (tmp_path / "a" / "base_image" / "state.safetensors").unlink()
    trainer.resume(tmp_path / "a" / "base_image")
    shipped = load_image_unet(tmp_path / "a" / "base_image").state_dict()
    assert torch.equal(trainer.parameters[0], shipped[name])


def test_the_same_seed_trains_the_same_weights(world: Mixture, tmp_path: Path) -> None:
    for out in ("a", "b"):
        torch.manual_seed(0)
        run("base_image", text_to_video.text_to_image(SETTINGS, HERE, world), tmp_path / out)

    a, b = (load_file(tmp_path / out / "base_image" / "model.safetensors") for out in ("a", "b"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    budget = Budget(minutes=1, warmup=0.1, decay=0.5)

    assert share_at(0.0, budget) == pytest.approx(0.01)
    assert share_at(0.05, budget) == pytest.approx(0.5)
    assert share_at(0.3, budget) == 1.0
    assert share_at(0.75, budget) == pytest.approx(0.5)
    assert share_at(1.0, budget) == pytest.approx(0.0)


def test_the_log_can_be_read_back(world: Mixture, tmp_path: Path) -> None:
    recipe = text_to_video.text_to_image(SETTINGS, HERE, world)
    run("base_image", recipe, tmp_path, steps=4)

    lines = [json.loads(line) for line in (tmp_path / "base_image" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert 0 < lines[0]["loss"] < 20


def test_a_quarter_of_the_clips_hides_its_course():
    """Above 0.996 a moving object cannot be seen in a clip: only there must its words be heard."""
    clips = text_to_video.clip_sigmas(20_000, torch.Generator().manual_seed(0))
    stills = text_to_video.still_sigmas(20_000, torch.Generator().manual_seed(0))
    assert 0.2 < (clips > 0.996).float().mean() < 0.3
    assert (stills > 0.996).float().mean() < 0.01
    assert clips.max() <= 1
    assert clips.median() > stills.median()
    torch.testing.assert_close(clips, text_to_video.clip_sigmas(20_000, torch.Generator().manual_seed(0)))
