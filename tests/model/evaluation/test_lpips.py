"""LPIPS: its arithmetic with any weights, its published weights where they are installed."""

import pytest
import torch

from model.evaluation.lpips import Lpips, MetricMissing, load_lpips
from model.evaluation.prompts import Question
from model.evaluation.truth import Truth
from model.evaluation.upscaling import bicubic
from model.ssr import lowered

ASKED = Question("an octopus", "octopus", "right", "", "green grass", 7)


def test_equal_pictures_are_no_distance_apart_and_the_order_of_two_says_nothing():
    torch.manual_seed(0)
    metric, one, two = Lpips(), torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1

    assert metric(one, one).abs().max() == 0
    assert torch.allclose(metric(one, two), metric(two, one))
    assert metric(one, two).min() > 0


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path):
    (tmp_path / "alexnet.ckpt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(MetricMissing, match="is not the published alexnet"):
        load_lpips(file=tmp_path / "alexnet.ckpt")


@pytest.mark.slow
def test_the_more_a_picture_is_spoiled_the_farther_it_is():
    metric, truth = load_lpips(), Truth("cpu", 128).clip(ASKED, frames=4)
    blurred = [bicubic(lowered(truth[None], factor)[0], factor) for factor in (2, 4, 8)]

    near, farther, farthest = (metric.clips(one, truth) for one in blurred)

    assert 0 < near < farther < farthest < 1
    assert metric.clips(truth.flip(-1), truth) > near
