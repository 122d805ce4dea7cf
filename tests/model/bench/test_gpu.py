"""The benchmark itself: what is counted, that a part that fails costs only itself, and what is kept."""

import json
import time
from functools import partial

import pytest
import torch

from model.bench.gpu import held_against, matching, row, run
from model.bench.layouts import WAYS
from model.bench.networks import called
from model.bench.paper import PAPER_BASE, PAPER_SSR, Sizes
from model.bench.sections import Section, sections
from model.bench.work import work_of
from tests import tiny

TINY = Sizes(tiny.BASE, tiny.INFLATION, (1, 3, 4, 32, 32))


@pytest.mark.parametrize(("sizes", "least"), [(PAPER_BASE, 600e6), (PAPER_SSR, 300e6)])
def test_a_network_of_paper_scale_is_as_large_as_it_says_and_counted_without_memory(sizes, least):
    network = sizes.made("meta", torch.bfloat16)

    work = work_of(network, sizes.shape)

    assert work.parameters >= least
    assert 10e12 < work.flop < 40e12
    assert all(width % 128 == 0 for width in sizes.image.widths)
    assert work.nbytes > 2 * least


def test_work_is_that_of_the_convolutions_products_and_attention():
    network = TINY.made("cpu", torch.float32)
    flop = work_of(network, TINY.shape).flop

    twice = work_of(network, (1, 3, 8, 32, 32)).flop
    assert 1.9 * flop < twice < 2.1 * flop
    stem = 2 * 4 * 16 * network.image.stem.weight[..., :, :].numel()  # 4 frames of 4 x 4 patches
    assert flop > stem


def test_all_layouts_of_a_convolution_over_time_are_the_same_convolution():
    x = torch.randn(5, 8, 4, 6, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(8, 8, 3, generator=torch.Generator().manual_seed(1))

    first, *others = (way(x, weight) for way in WAYS.values())

    for other in others:
        torch.testing.assert_close(other, first, rtol=1e-4, atol=1e-5)


def test_a_call_is_timed_and_held_against_the_eager_network():
    figures = called(TINY.made("cpu", torch.float32), TINY.shape, "eager")

    assert figures["difference"] == 0
    assert 0 < figures["least_ms"] <= figures["ms"]


def good():
    return {"ms": 2.0}


def bad():
    raise RuntimeError("no such kernel")


def test_a_section_that_fails_or_hangs_costs_only_itself_and_each_is_written_at_once(tmp_path, capfd):
    out = tmp_path / "bench.json"
    chosen = {
        "ceilings": Section(lambda: {"flops": 1e12, "bandwidth": 1e12, "device": "d", "torch": "t"}, 30),
        "bad": Section(bad, 30),
        "hangs": Section(partial(time.sleep, 600), 1),
        "good": Section(good, 30, "net"),
    }
    work = {"net": {"parameters": 1, "flop": 1e9, "nbytes": 1e9}}

    run(chosen, work, 60, out)

    kept = json.loads(out.read_text())["sections"]
    assert "failed" in kept["bad"]["error"]
    assert "within 1 s" in kept["hangs"]["error"]
    assert kept["good"]["of_peak"] == pytest.approx(0.5)
    assert kept["good"]["over_floor"] == pytest.approx(2)
    said = capfd.readouterr()
    assert "no such kernel" in said.err
    assert [line.split()[0] for line in said.out.splitlines()] == ["section", *chosen]


def test_sections_for_which_no_time_is_left_say_so(tmp_path):
    measured = run({"good": Section(good, 30)}, {}, 0, tmp_path / "bench.json")

    assert measured["good"] == {"error": "no time was left"}


def test_sections_are_chosen_by_their_beginnings_and_the_ceilings_come_first():
    made = dict(sections("cpu", None))

    assert list(matching(made, ["paper_ssr/eager", "lumiere"])) == [
        "ceilings",
        "paper_ssr/eager",
        "lumiere-pytorch",
    ]
    assert list(matching(made, [""])) == list(made)
    assert next(iter(made)) == "ceilings"
    assert row("x", held_against({"ms": 1.0}, {}, {})).split() == ["x", "1.00"]
