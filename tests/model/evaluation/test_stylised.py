"""What judges styles: a small classifier, a part of the evaluation for each style, and the figure of the sweep."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.evaluation import alpha_sweep, style_judge
from model.evaluation.figures import figure
from model.evaluation.judge_training import new_judges
from model.evaluation.parts import PARTS, lacking
from model.evaluation.prompts import question
from model.evaluation.studio import Settings, Studio, row
from model.evaluation.style_judge import StyleJudge, StyleJudgeConfig, StyleLessons
from model.evaluation.stylised import BARS, kept, stylised
from model.pipeline import Pipeline
from model.training.objects import drawings
from model.training.styles import STYLES
from model.weights import Sampling
from tests import tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def lessons() -> StyleLessons:
    return StyleLessons.of(["car", "rocket", "cat", "lemon"], CPU, 0, workers=0)


@pytest.fixture(scope="module")
def judge() -> StyleJudge:
    torch.manual_seed(0)
    return StyleJudge(StyleJudgeConfig()).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, Sampling(base_size=32))
    tiny.write_style(folder, "flat", 0)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder) -> Pipeline:
    return Pipeline.load(folder, dtype=torch.float32)


def test_the_judge_of_style_is_small_and_survives_its_file(judge, tmp_path):
    judge.save(tmp_path)
    again = StyleJudge.load(tmp_path)
    clips = torch.rand(3, 3, 80, 32, 32) * 2 - 1

    assert again.config == judge.config
    assert again.judge(clips) == judge.judge(clips)
    assert again.judge(clips[1:2]) == judge.judge(clips)[1:2]
    assert (tmp_path / "model.safetensors").stat().st_size < 2**19


def test_lessons_are_the_same_objects_in_every_style_and_are_labelled(lessons, judge):
    frames, labels = lessons.frames(15, wear=False)

    assert frames.shape == (15, 3, 128, 128)
    assert labels.bincount().tolist() == [3] * 5
    assert [world.atlas.names for world in lessons.worlds] == [lessons.worlds[0].atlas.names] * 5
    assert judge.config.styles == ("base", *STYLES)
    for world, style in zip(lessons.worlds, judge.config.styles, strict=True):
        ink = world.atlas.levels[0][:, :3].float()
        yellow = (ink[:, 0] > 250) & (ink[:, 1] > 215) & (ink[:, 2] < 5)
        grey = (ink.amax(1) - ink.amin(1)).max() <= 3
        assert (bool(yellow.flatten(1).any(1).all()), bool(grey)) == (
            style == "high-contrast",
            style == "line",
        )


def test_the_judge_learns_to_tell_styles(lessons):
    torch.manual_seed(0)
    learner = StyleJudge(StyleJudgeConfig())
    optimiser = torch.optim.AdamW(learner.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        frames, labels = lessons.frames(15)
        loss = torch.nn.functional.cross_entropy(learner(frames), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))

    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_what_lacks_a_style_or_a_judge_is_not_asked_and_says_so(folder, monkeypatch, tmp_path, judge):
    monkeypatch.setattr(style_judge, "FOLDER", tmp_path)
    assert lacking(folder)["style_flat"] == "there is no judge of style"
    assert lacking(folder)["style_line"] == "the checkpoint has no style 'line'"
    judge.save(tmp_path)
    assert "style_flat" not in lacking(folder)
    assert {f"style_{style}" for style in STYLES} < PARTS.keys()


def test_a_style_is_held_to_its_look_and_to_the_motion_of_the_base(folder, pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(style_judge, "FOLDER", tmp_path)
    sure = StyleJudge(StyleJudgeConfig())
    with torch.no_grad():
        sure.style.bias[1] = 1000.0  # of "flat"
    sure.save(tmp_path)
    judges = new_judges(tuple(drawing.name for drawing in drawings()[::60])).eval()
    monkeypatch.setattr(pipeline, "sampling", replace(pipeline.sampling, base_size=128))
    studio = Studio(pipeline, judges, Settings(size=128, steps=1, guidance=1.0))

    shots = list(stylised("flat", studio, [1]))

    for index, shot in zip([1], shots, strict=True):
        asked = question(index, 0)
        measured, seen = shot.answer.measured, []
        for alpha in (0.0, 1.0):
            clips = pipeline.styled("flat", alpha).base_clips(
                [asked.prompt], [asked.seed], steps=1, guidance_scale=1.0
            )
            seen.append(studio.seen(clips[0])["motion"] == asked.motion)
        assert np.array_equal(shot.row, row(clips[0])), "it is the clip in the style"
        assert measured["style"] is True
        assert measured["motion_kept"] == float(seen[1]) - float(seen[0])
        assert measured["motion"] is seen[1]
        assert shot.answer.part == "style_flat"
        assert (shot.spec.task, shot.spec.style, shot.spec.style_alpha) == ("stylize", "flat", 1.0)
    assert (kept(True, False), kept(False, True), kept(True, True)) == (-1.0, 1.0, 0.0)
    bars = {bar.measure: bar for bar in BARS}
    assert figure(bars["motion_kept"], [0.0] * 19 + [-1.0]).short is None
    assert figure(bars["motion_kept"], [0.0] * 9 + [-1.0]).short == pytest.approx(0.05)
    assert figure(bars["style"], [True] * 8 + [False] * 2).short == pytest.approx(0.05)


def test_the_sweep_goes_from_the_base_to_the_style(folder, pipeline, tmp_path):
    prompt = "a boat"
    clips = alpha_sweep.sweep(pipeline, "flat", prompt, 3, steps=2, frames=4)
    base = pipeline.base_clips([prompt], [3], shape=(4, 32, 32), steps=2)
    styled = pipeline.styled("flat", 1.0).base_clips([prompt], [3], shape=(4, 32, 32), steps=2)

    assert torch.equal(clips[:1], base)
    assert torch.equal(clips[-1:], styled)
    distance = (clips - base).square().mean((1, 2, 3, 4))
    assert (distance.diff() > 0).all()

    out = tmp_path / "sweep.png"
    command = f"--checkpoint {folder} --style flat --steps 1 --frames 4 --device cpu --out {out}"
    alpha_sweep.main(command.split())
    assert out.stat().st_size > 1000


def test_the_judge_is_trained_by_one_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(style_judge, "drawings", lambda: drawings()[:8])
    command = f"train --out {tmp_path} --minutes 0.01 --batch 10 --frames 10 --device cpu"
    style_judge.main(command.split())

    config = json.loads((tmp_path / "config.json").read_text())
    assert config["accuracy"].keys() == {
        f"{style}{worn}" for style in ("base", *STYLES) for worn in ("", "_worn")
    }
    assert config["command"].endswith(command)
