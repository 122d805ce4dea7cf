"""Shares, means and medians, their intervals, and whether they meet their bars."""

import math

import pytest

from model.evaluation.figures import Bar, Kind, bootstrap, figure, wilson


def test_wilson_is_the_textbook_interval():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=2e-4)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_bootstrap_of_a_mean_is_about_two_standard_errors_wide():
    values = [float(i % 2) for i in range(400)]

    low, high = bootstrap(values, Kind.MEAN)

    assert low == pytest.approx(0.5 - 1.96 * 0.5 / math.sqrt(400), abs=0.008)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / math.sqrt(400), abs=0.008)
    assert bootstrap(values, Kind.MEAN) == (low, high)


def test_the_bootstrap_of_a_median_does_not_see_one_outlier():
    low, high = bootstrap([1.0] * 30 + [1000.0], Kind.MEDIAN)

    assert (low, high) == (1.0, 1.0)
    assert bootstrap([1.0] * 30 + [1000.0], Kind.MEAN)[1] > 50


def test_what_does_not_apply_to_a_clip_is_not_counted():
    found = figure(Bar("motion", limit=0.9), [True, None, False, True])

    assert (found.value, found.n) == (pytest.approx(2 / 3), 3)


@pytest.mark.parametrize(
    ("bar", "values", "short"),
    [
        (Bar("object", limit=0.85), [True] * 9 + [False], None),
        (Bar("object", limit=0.85), [True] * 8 + [False] * 2, 0.05),
        (Bar("frozen", limit=0.0, most=True), [False, False], None),
        (Bar("frozen", limit=0.0, most=True), [False, True], 0.5),
        (Bar("seam", Kind.MEDIAN, 1.1, most=True), [1.0, 1.05, 9.0], None),
        (Bar("seam", Kind.MEDIAN, 1.1, most=True), [1.3, 1.3, 0.0], 0.2),
        (Bar("psnr_gain", Kind.MEAN, 1.0), [0.0, 1.0], 0.5),
        (Bar("psnr", Kind.MEAN), [0.0], None),
    ],
)
def test_a_bar_says_how_much_is_missing(bar, values, short):
    missing = figure(bar, values).short

    assert missing == (None if short is None else pytest.approx(short))


def test_nothing_measured_does_not_meet_a_bar():
    nothing = figure(Bar("object", limit=0.85), [None, None])

    assert nothing.short == math.inf
    assert not nothing.record["met"]
    assert nothing.told() == "object: nothing measured   short of bar >= 85.0 %"
