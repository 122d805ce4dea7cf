"""What was trained becomes a checkpoint that is served, and says of itself how it is best asked."""

from pathlib import Path

import pytest
import torch

from model.catalog import Defaults, defaults, styles, tasks
from model.pipeline import Pipeline
from model.tasks import Task
from model.training.ship import main
from model.weights import load_index, save_stunet
from tests.tiny import BASE, SSR, stunet, told, write_style


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    save_stunet(folder / "base_image", folder / "base_temporal", told(stunet(BASE)))
    save_stunet(folder / "base_image", folder / "base_distilled", told(stunet(BASE), seed=5))
    save_stunet(folder / "ssr_image", folder / "ssr_temporal", stunet(SSR))
    return folder


def test_a_teacher_is_guided_and_does_what_its_network_can_be_told(trained, tmp_path, capsys):
    out = tmp_path / "shipped" / "one"
    main([str(trained), str(out), "--guided", "0.9", "1"])

    how = load_index(out)
    assert (how.base_sampler, how.guidance_interval) == ("dpmpp_2m", (0.9, 1.0))
    assert defaults(out) == Defaults(steps=20, guidance_scale=2.5)
    assert set(tasks(out)) == set(Task) - {Task.STYLIZE}
    assert "MiB" in capsys.readouterr().out
    assert not (out / "base_distilled").exists()


def test_a_student_takes_the_place_of_its_teacher_and_is_asked_for_few_steps_unguided(trained, tmp_path):
    out = tmp_path / "shipped" / "one"
    main([str(trained), str(out), "--student", "--steps", "4"])

    assert load_index(out).base_sampler == "euler"
    assert defaults(out) == Defaults(steps=4, guidance_scale=1.0)
    pipeline = Pipeline.load(out)
    assert pipeline.base.temporal.stem is not None
    learned = told(stunet(BASE), seed=5).temporal.stem
    assert learned is not None
    torch.testing.assert_close(
        pipeline.base.temporal.stem.weight.float(), learned.weight, atol=1e-2, rtol=1e-2
    )


def test_what_was_never_told_what_is_known_does_tasks_of_words_alone(trained, tmp_path):
    plain = stunet(BASE)
    assert plain.temporal.stem is None
    save_stunet(trained / "base_image", trained / "base_temporal", plain)
    main([str(trained), str(tmp_path / "out")])

    assert set(tasks(tmp_path / "out")) == {Task.TEXT_TO_VIDEO, Task.VIDEO_TO_VIDEO}


def test_styles_are_shipped_without_what_their_training_left_and_stylize_is_among_the_tasks(
    trained, tmp_path
):
    write_style(trained, "flat", 0)
    (trained / "styles" / "flat" / "state.safetensors").touch()
    main([str(trained), str(tmp_path / "out")])

    assert styles(tmp_path / "out") == ("flat",)
    assert Task.STYLIZE in tasks(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("state.safetensors"))
    assert Pipeline.load(tmp_path / "out").styled("flat", 1.0).base is not None
