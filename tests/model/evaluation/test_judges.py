"""The judges: small, the same alone and in a batch, unmoved by wear."""

import pytest
import torch

from model.evaluation.evaluate import JUDGES
from model.evaluation.judge_training import Lessons, new_judges, worn
from model.evaluation.judges import Judges, activity
from model.training.backgrounds import BACKGROUNDS
from model.training.motions import MOTIONS
from model.training.objects import Atlas, drawings
from model.training.world import World

NAMES = tuple(drawing.name for drawing in drawings()[::60])


@pytest.fixture(scope="module")
def judges() -> Judges:
    torch.manual_seed(0)
    return new_judges(NAMES).eval()


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return Lessons(World(Atlas.load("cpu", 64, NAMES, workers=0), "cpu"), 0)


def test_judges_are_small_and_survive_their_file(judges: Judges, tmp_path):
    judges.measured(accuracy={"object": 1.0}, frozen_below=0.5)
    judges.save(tmp_path)
    again = Judges.load(tmp_path)
    clips = torch.rand(1, 3, 80, 32, 32) * 2 - 1

    assert again.config == judges.config
    assert torch.allclose(again.judge(clips).motion_odds, judges.judge(clips).motion_odds, atol=2e-3)
    everything = new_judges(tuple(drawing.name for drawing in drawings()))
    assert sum(value.numel() for value in everything.state_dict().values()) * 2 < 3 * 2**20


def test_the_shipped_judges_choose_among_the_things_of_the_world():
    judges = Judges.load(JUDGES)

    assert judges.config.objects == tuple(drawing.name for drawing in drawings())
    assert judges.config.backgrounds == tuple(background.name for background in BACKGROUNDS)
    assert judges.config.motions == MOTIONS


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


def test_activity_tells_a_frozen_clip_from_a_living_one(lessons: Lessons):
    still = torch.zeros(1, 3, 80, 64, 64)
    moving, _ = lessons.clips(4)

    assert activity(still).item() == 0
    assert activity(moving).max() > 0.01
