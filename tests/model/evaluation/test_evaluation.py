"""The judges and the figures made with them."""

import argparse
import json

import numpy as np
import pytest
import torch

from model.evaluation import evaluate
from model.evaluation.evaluate import digest
from model.evaluation.judge_training import Lessons, new_judges, worn
from model.evaluation.judges import Judges, activity
from model.evaluation.measures import Judged, borders, seam_ratio, share, summarise, wilson
from model.evaluation.prompts import Question, question
from model.evaluation.sheet import draw_sheet, stack_sheets, to_frames
from model.pipeline import Pipeline
from model.training.motions import MOTIONS, heldout
from model.training.objects import Atlas, drawings
from model.training.world import World

NAMES = tuple(drawing.name for drawing in drawings()[::150])


@pytest.fixture(scope="module")
def judges() -> Judges:
    torch.manual_seed(0)
    return new_judges(NAMES).eval()


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return Lessons(World(Atlas.load("cpu", 64, NAMES, workers=0), "cpu"), 0)


def asked(motion: str = "right", name: str = "octopus") -> Question:
    return Question(f"{name} {motion}", name, motion, "", "green grass", 1)


def test_every_prompt_is_held_out_and_names_what_it_asks():
    questions = [question(index, 0) for index in range(56)]

    assert all(heldout(one.object, one.motion) for one in questions)
    assert all(one.object in one.prompt for one in questions)
    assert {one.motion for one in questions[:14]} == set(MOTIONS)
    assert len({one.prompt for one in questions}) == 56
    assert questions[3] == question(3, 0) != question(3, 1)


def test_judges_are_small_and_survive_their_file(judges: Judges, tmp_path):
    judges.measured(accuracy={"object": 1.0}, frozen_below=0.5)
    judges.save(tmp_path)
    again = Judges.load(tmp_path)
    clips = torch.rand(1, 3, 80, 32, 32) * 2 - 1

    assert again.config == judges.config
    assert torch.allclose(again.judge(clips).motion_odds, judges.judge(clips).motion_odds, atol=2e-3)
    everything = new_judges(tuple(drawing.name for drawing in drawings()))
    assert sum(value.numel() for value in everything.state_dict().values()) * 2 < 3 * 2**20


def test_judges_refuse_clips_of_another_length(judges: Judges):
    with pytest.raises(ValueError, match="80 frames, not 16"):
        judges.judge(torch.zeros(1, 3, 16, 64, 64))


def test_judges_see_a_clip_the_same_alone_and_in_a_batch(judges: Judges):
    clips = torch.rand(2, 3, 80, 32, 32) * 2 - 1

    together, alone = judges.judge(clips), judges.judge(clips[1:2])

    assert torch.allclose(together.object_odds[1:2], alone.object_odds, atol=1e-4)
    assert torch.allclose(together.motion_odds[1:2], alone.motion_odds, atol=1e-4)


def test_wear_keeps_the_picture_and_its_range(lessons: Lessons):
    frames, _ = lessons.frames(8)
    clips = torch.rand(4, 3, 2, 32, 32) * 2 - 1

    used = worn(clips, torch.Generator().manual_seed(0))

    assert used.shape == clips.shape
    assert used.abs().max() <= 1
    assert frames.shape == (8, 3, 128, 128)
    assert torch.corrcoef(torch.stack([used[0].flatten(), clips[0].flatten()]))[0, 1] > 0.4


def test_wilson_is_the_textbook_interval():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=2e-4)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(0, 0) == (0.0, 1.0)
    assert share([True, False])["share"] == 0.5


def test_borders_are_where_another_window_takes_over():
    # windows 0-8, 6-14, 12-20: the second begins after frame 5, the first ends after frame 7
    assert borders(20, 8, 2) == [5, 7, 11, 13]
    assert borders(8, 8, 2) == []


def test_a_jump_at_a_border_is_a_seam():
    torch.manual_seed(0)
    clip = torch.randn(3, 20, 16, 16) * 0.1
    jumpy = clip.clone()
    jumpy[:, 8:] += 0.5

    assert seam_ratio(clip, [7]) == pytest.approx(1.0, abs=0.2)
    assert seam_ratio(jumpy, [7]) > 5
    assert seam_ratio(torch.zeros(3, 20, 16, 16), [7]) is None


def test_activity_tells_a_frozen_clip_from_a_living_one(lessons: Lessons):
    still = torch.zeros(1, 3, 80, 64, 64)
    moving, _ = lessons.clips(4)

    assert activity(still).item() == 0
    assert activity(moving).max() > 0.01


def test_the_summary_counts_right_answers_frozen_clips_and_confusions():
    clips = [
        Judged(0, asked(), "octopus", "right", "green grass", 0.2, 1.0, 1.1),
        Judged(1, asked("left"), "octopus", "right", "green grass", 0.0, 1.2, None),
        Judged(2, asked("stand still"), "tiger", "stand still", "green grass", 0.0, None, None),
    ]

    found = summarise(clips, 0.05)

    assert found["object"]["right"] == 2
    assert found["frozen"] == share([False, True]) | {"below": 0.05}
    assert found["seam_ratio"] == 1.1
    assert found["confusions"]["motion"] == {"left -> right": 1}
    assert found["motion_by_name"]["left"]["share"] == 0


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


def test_shards_merge_into_the_report_of_one_run(judges: Judges, tmp_path, monkeypatch):
    judges.save(tmp_path / "judges")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("{}")
    monkeypatch.setattr(evaluate.Pipeline, "load", lambda folder, device, encoder=None: FakePipeline())
    common = [
        "--checkpoint",
        str(tmp_path / "model"),
        "--judges",
        str(tmp_path / "judges"),
        "--device",
        "cpu",
    ]
    common += ["--n", "3", "--size", "256", "--batch", "2"]

    evaluate.main([*common, "--out", str(tmp_path / "one")])
    for shard in ("0/2", "1/2"):
        evaluate.main([*common, "--out", str(tmp_path / "two"), "--shard", shard])
    evaluate.main(["--out", str(tmp_path / "two"), "--merge"])

    one, two = (json.loads((tmp_path / run / "results.json").read_text()) for run in ("one", "two"))
    assert {k: v for k, v in one.items() if k != "command"} == {
        k: v for k, v in two.items() if k != "command"
    }
    assert one["n"] == 3
    assert one["seam_ratio"] == pytest.approx(1, abs=0.1)
    assert (tmp_path / "two" / "sheet.png").stat().st_size > 1000


def test_a_checkpoint_is_known_by_its_weights_and_not_by_what_is_said_about_it(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "model.safetensors").write_bytes(b"1")
    before = digest(tmp_path)

    (tmp_path / "evaluation.json").write_text("{}")
    assert digest(tmp_path) == before

    (tmp_path / "part" / "model.safetensors").write_bytes(b"2")
    assert digest(tmp_path) != before
