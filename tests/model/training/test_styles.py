"""Other drawings of the same objects, and what is learned from them: a change of the image weights, nothing else."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.catalog import styles as styles_of
from model.style import UNTOUCHED, load_style, weights_digest
from model.text import packaged_encoder
from model.training import loop, styles, text_to_video
from model.training.loop import Budget, Place, Trainer
from model.training.objects import Atlas, drawings
from model.training.recipe import Settings
from model.training.train import main, recipe_of, train, world_of
from model.training.world import World
from model.weights import load_image_unet, save_component
from tests import tiny

HERE = Place(0, 1, torch.device("cpu"))
SETTINGS = Settings(packaged_encoder(), batch=2, eager=True, image=tiny.BASE)
NAMES = ("car", "rocket", "cat", "lemon")
MIB = 2**20


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    """The same four objects in every style."""
    loaded = {style: styles.load(style, "cpu", 64, NAMES, workers=0) for style in styles.STYLES}
    return {style: World(atlas, "cpu") for style, atlas in loaded.items()}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_to_video, "SIZE", 32)
    monkeypatch.setattr(loop, "LOG_STEPS", 2)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A checkpoint folder with an image network alone."""
    save_component(tmp_path / "base_image", tiny.BASE, tiny.image_unet(tiny.BASE))
    return tmp_path


def test_each_style_draws_nearly_all_of_the_bases_objects_under_their_names():
    base = [drawing.name for drawing in drawings()]
    for style in styles.STYLES:
        names = styles.drawn(style)
        assert len(names) >= 0.97 * len(base)
        assert list(names) == [name for name in base if name in set(names)]
    assert len(styles.shared(base)) >= 0.97 * len(base)
    assert sum(file.stat().st_size for file in styles.FOLDER.iterdir()) < 3 * MIB


@pytest.mark.parametrize("style", styles.STYLES)
def test_a_style_is_another_picture_of_the_same_objects(worlds, style):
    atlas = worlds[style].atlas
    base = Atlas.load("cpu", 64, NAMES, workers=0)

    assert (atlas.names, atlas.round) == (base.names, base.round)
    assert [level.shape for level in atlas.levels] == [level.shape for level in base.levels]
    drawn, drawn_base = atlas.levels[0].float() / 255, base.levels[0].float() / 255
    assert (drawn[:, :3] <= drawn[:, 3:] + 1e-6).all(), "colours are premultiplied"
    assert ((drawn[:, 3] > 0.5).float().mean((1, 2)) > 0.1).all(), "something is drawn"
    assert (drawn[:, 3, 0, 0] == 0).all(), "on nothing"
    assert ((drawn - drawn_base).square().mean((1, 2, 3)).sqrt() > 0.1).all(), "in another way"
    assert torch.equal(worlds[style].heldout, World(base, "cpu").heldout)


def test_line_drawings_have_no_colour_and_high_contrast_has_two(worlds):
    line = worlds["line"].atlas.levels[0][:, :3].float()
    assert (line.amax(1) - line.amin(1)).max() <= 3
    high = worlds["high-contrast"].atlas.levels[0].float()
    red, green, blue, alpha = high.unbind(1)
    assert blue[alpha == 255].max() <= 2
    assert ((red - green)[alpha == 255] <= 32).all()
    assert (red[alpha == 255] > 250).any()
    assert (red[alpha == 255] < 5).any()


def test_names_that_a_style_lacks_are_left_out():
    assert "phoenix" in {drawing.name for drawing in drawings()}
    assert styles.load("3d", "cpu", 64, ["phoenix", "car"]).names == ("car",)
    assert world_of("flat", 64, ["phoenix", "car"], HERE.device).atlas.names == ("car",)


def test_a_style_is_learned_and_saved_and_the_image_weights_stay(worlds, out: Path) -> None:
    before = load_file(out / "base_image" / "model.safetensors")
    recipe = recipe_of("style_line", SETTINGS, HERE, worlds["line"], out)
    train("style_line", recipe, Budget(minutes=60, most_steps=3), HERE, out, None)

    assert styles_of(out) == ("line",)
    image = load_image_unet(out / "base_image")
    delta = load_style(out / "styles" / "line", image, weights_digest(out / "base_image"))
    weights = dict(image.named_parameters())
    changed = {
        name for name, weight in delta.applied(weights).items() if not torch.equal(weight, weights[name])
    }
    # after so few steps, some are still zero in the float16 that they are stored in
    assert len(changed) > 0.9 * sum(not name.startswith(UNTOUCHED) for name in weights)
    after = load_file(out / "base_image" / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (out / "styles" / "line" / "samples.png").stat().st_size > 10_000


def test_learning_a_style_lowers_the_loss_of_a_fixed_batch(worlds, out: Path) -> None:
    recipe = recipe_of("style_high-contrast", SETTINGS, HERE, worlds["high-contrast"], out)
    trainer = Trainer(recipe.learner, Budget(minutes=60), HERE, out / "trial")
    batch = next(recipe.batches)
    torch.manual_seed(0)
    losses = [float(trainer.step(batch, recipe.loss, 1.0)) for _ in range(40)]

    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_learning_a_style_goes_on_from_its_state(worlds, out: Path) -> None:
    train_two = Budget(minutes=60, most_steps=2)
    train(
        "style_flat", recipe_of("style_flat", SETTINGS, HERE, worlds["flat"], out), train_two, HERE, out, None
    )
    state = load_file(out / "styles" / "flat" / "state.safetensors")

    trainer = Trainer(
        recipe_of("style_flat", SETTINGS, HERE, worlds["flat"], out).learner, train_two, HERE, out / "b"
    )
    trainer.resume(out / "styles" / "flat")
    trainer.save_state()
    saved = load_file(out / "b" / "state.safetensors")
    assert saved.keys() == state.keys()
    assert all(torch.equal(saved[key], state[key]) for key in state)


def test_several_styles_are_learned_by_one_command_beside_what_is_there(out: Path, monkeypatch) -> None:
    (out / "model_index.json").write_text('{"format": "ciotat/1", "sampling": {"base_shift": 7.0}}')
    command = "style_flat style_3d --batch 2 --most-steps 1 --eager --device cpu --objects 4"
    main([*command.split(), "--out", str(out)])

    assert styles_of(out) == ("3d", "flat")
    assert "7.0" in (out / "model_index.json").read_text(), "how the checkpoint is sampled is not undone"
