"""One command: questions, shards, a report, and what it says of what falls short or cannot be asked."""

import argparse
import json

import numpy as np
import pytest
import torch

from model.evaluation import evaluate, report
from model.evaluation.evaluate import digest
from model.evaluation.judge_training import new_judges
from model.evaluation.judges import Judges
from model.evaluation.prompts import question, reworded
from model.evaluation.sheet import draw_sheet, stack_sheets, to_frames
from model.evaluation.studio import Answer, Shot
from model.pipeline import Pipeline
from model.training.motions import MOTIONS, heldout
from model.training.objects import drawings
from model.training.words import UNSEEN, UNSEEN_PHRASES

NAMES = tuple(drawing.name for drawing in drawings()[::60])


@pytest.fixture(scope="module")
def judges() -> Judges:
    torch.manual_seed(0)
    return new_judges(NAMES).eval()


def test_every_prompt_is_held_out_and_names_what_it_asks():
    questions = [question(index, 0) for index in range(56)]

    assert all(heldout(one.object, one.motion) for one in questions)
    assert all(one.object in one.prompt for one in questions)
    assert {one.motion for one in questions[:14]} == set(MOTIONS)
    assert len({one.prompt for one in questions}) == 56
    assert questions[3] == question(3, 0) != question(3, 1)


def test_a_reworded_question_says_nothing_in_words_that_were_trained_on():
    questions = [reworded(index, 0) for index in range(28)]

    assert {one.motion for one in questions} == set(MOTIONS)
    for one in questions:
        assert any(word in one.prompt for word in UNSEEN[one.object])
        assert any(words in one.prompt for words in UNSEEN_PHRASES[one.motion])
        assert one.object not in one.prompt.split() or one.object in " ".join(UNSEEN[one.object])


def test_a_sheet_has_a_row_for_each_clip():
    clips = to_frames(torch.zeros(2, 3, 5, 32, 32))

    sheet = draw_sheet(clips, ["one", "two"], columns=4)

    assert sheet.size == (4 * 34, 2 * 50)
    assert np.asarray(sheet)[5, 5].tolist() == [128, 128, 128]
    assert stack_sheets([sheet, sheet]).height == 2 * sheet.height


class FakePipeline(Pipeline):
    """Noise that moves, at any size."""

    def __init__(self):
        self.sampling = argparse.Namespace(window=16, overlap=2, base_size=128)

    def base_clips(self, prompts, seeds, *, steps, guidance_scale):
        return torch.stack(
            [torch.randn(3, 80, 16, 16, generator=torch.Generator().manual_seed(s)) for s in seeds]
        )

    def upscale(self, low, factor, seeds):
        return low.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.fixture
def command(judges: Judges, tmp_path, monkeypatch) -> list[str]:
    """An evaluation of three questions, at two shards or at one."""
    judges.save(tmp_path / "judges")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("{}")
    monkeypatch.setattr(evaluate.Pipeline, "load", lambda folder, device, encoder=None: FakePipeline())
    common = {"checkpoint": tmp_path / "model", "judges": tmp_path / "judges", "device": "cpu", "batch": 2}
    common |= {"parts": "text_to_video", "n": 3, "size": 256}
    return [word for name, value in common.items() for word in (f"--{name}", str(value))]


def run(command: list[str], out, *more: str) -> dict:
    evaluate.main([*command, "--out", str(out), *more])
    return json.loads((out / "results.json").read_text()) if (out / "results.json").exists() else {}


def test_shards_merge_into_the_report_of_one_run(command, tmp_path):
    one = run(command, tmp_path / "one")
    for shard in ("0/2", "1/2"):
        assert run(command, tmp_path / "two", "--shard", shard) == {}
    two = run(command, tmp_path / "two", "--merge")

    assert one == two
    found = one["parts"]["text_to_video"]
    assert found["n"] == 3
    assert [answer["index"] for answer in found["answers"]] == [0, 1, 2]
    assert found["figures"]["seam"]["value"] == pytest.approx(1, abs=0.1)
    assert (tmp_path / "two" / "text_to_video.png").stat().st_size > 1000


def test_shards_of_two_runs_are_not_put_together(command, tmp_path):
    run(command, tmp_path / "out", "--shard", "0/2")

    with pytest.raises(ValueError, match="shards of text_to_video are not one run"):
        run(command, tmp_path / "out", "--merge")

    run(command, tmp_path / "out", "--shard", "1/2", "--steps", "3")
    with pytest.raises(ValueError, match="different checkpoints, judges or settings"):
        run(command, tmp_path / "out", "--merge")


def test_an_unknown_part_is_refused_by_name(command, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run([*command, "--parts", "text_to_video,smell"], tmp_path)

    assert "no part smell; there are text_to_video" in capsys.readouterr().err


def test_what_a_checkpoint_does_not_do_is_said(command, tmp_path, capsys):
    (tmp_path / "model" / "model_index.json").write_text('{"tasks": []}')

    report.write_shard(tmp_path / "out", "ssr_256", (0, 1), HOW, [shot("ssr_256", **SHARP)])
    found = run(command, tmp_path / "out", "--merge")
    assert found["not_available"]["text_to_video"] == "the checkpoint does not do text_to_video"
    assert "text_to_video: not available, the checkpoint does not do text_to_video" in capsys.readouterr().out


HOW = {"size": 256, "steps": 4, "seed": 0}
SHARP = {
    "psnr": 30.0, "psnr_bicubic": 27.0, "psnr_gain": 3.0, "lpips": 0.1, "lpips_bicubic": 0.3, "lpips_gain": 0.2,
    "seam": 1.0,
}  # fmt: skip
LOOKS = {"object": "octopus", "motion": "right", "background": "green grass"}


def shot(part: str, seen: dict[str, str] | None = None, index: int = 0, **measured) -> Shot:
    asked = LOOKS if part == "text_to_video" else {}
    answer = Answer(part, index, "an octopus", 1, asked, asked | (seen or {}), measured)
    return Shot(answer, np.zeros((2, 128, 128, 3), np.uint8))


def text_shot(index: int, **wrong: str) -> Shot:
    right = {what: what not in wrong for what in LOOKS}
    return shot("text_to_video", wrong, index, **right, frozen=False, seam=1.0, seam_of_base=1.0)


def test_a_figure_that_falls_short_is_told_with_what_is_missing(tmp_path, capsys):
    shots = [text_shot(0), text_shot(1), text_shot(2, motion="left"), text_shot(3)]
    report.write_shard(tmp_path, "text_to_video", (0, 1), HOW, shots)

    found = report.merge(tmp_path, {})["parts"]["text_to_video"]

    told = capsys.readouterr().out
    assert "motion                75.0 % [30.1, 95.4]     n 4   SHORT by 15.0 points: bar >= 90.0 %" in told
    assert "object               100.0 %" in told
    assert not found["figures"]["motion"]["met"]
    assert found["figures"]["object"]["met"]
    assert found["confusions"]["motion"] == {"right -> left": 1}
    assert found["motion_by_name"] == {"right": "3 of 4"}


def test_what_is_wrong_with_a_clip_is_written_under_it():
    assert report.told(text_shot(0).answer) == "an octopus"
    assert report.told(text_shot(0, motion="left").answer) == "an octopus   [seen as motion: left]"
    torn = shot("ssr_256", **(SHARP | {"seam": 3.0, "psnr_gain": -1.0}))
    assert report.told(torn.answer) == "an octopus   [psnr_gain -1.00; seam 3.00]"


def test_a_checkpoint_is_known_by_its_weights_and_not_by_what_is_said_about_it(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "model.safetensors").write_bytes(b"1")
    before = digest(tmp_path)

    (tmp_path / "evaluation.json").write_text("{}")
    assert digest(tmp_path) == before

    (tmp_path / "part" / "model.safetensors").write_bytes(b"2")
    assert digest(tmp_path) != before
