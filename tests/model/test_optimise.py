"""Networks made faster from outside: how near they stay to the eager network, and that none waits for a compiler."""

import copy
import logging
from functools import partial

import jaxtyping
import pytest
import torch
from torch import Tensor

from model import optimise as module
from model.guidance import guided, paired
from model.layers import TextStates
from model.optimise import Optimised, Speed, fastest, optimise, padded, preparing, rows_of
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.stunet import STUNet, VideoContext
from model.weights import Sampling
from tests import tiny

WHOLE = Speed(compiled="whole", paired=True)
SPEC = VideoSpec(prompt="a red balloon", size="128x128", seconds=1, steps=2, seed=7)


class Compiler:
    """torch.compile without the machine code, which counts the graphs it makes and the calls of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.graphs, self.calls = 0, 0
        monkeypatch.setattr(module.torch, "compile", partial(torch.compile, backend=self._backend))

    def _backend(self, graph: torch.fx.GraphModule, _: list[Tensor]):
        self.graphs += 1

        def run(*given):
            self.calls += 1
            return graph(*given)

        return run


@pytest.fixture(autouse=True)
def as_in_production():
    """Nothing compiled is left of other tests, and shapes are not checked: a compiler cannot read the checks."""
    torch.compiler.reset()
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
    torch.compiler.reset()


@pytest.fixture
def compiler(monkeypatch):
    return Compiler(monkeypatch)


def words(length: int, batch: int = 1) -> TextStates:
    states = torch.randn(batch, length, 384, generator=torch.Generator().manual_seed(3))
    return TextStates(states, torch.ones(batch, length, dtype=torch.bool))


def asked(
    network: STUNet, length: int = 5, batch: int = 1, frames: int = 4
) -> tuple[Tensor, Tensor, VideoContext]:
    x = torch.randn(batch, 3, frames, 32, 32, generator=torch.Generator().manual_seed(4))
    dtype = next(network.parameters()).dtype
    return x.to(dtype), torch.full((batch,), 0.5), network.read(words(length, batch))


def test_on_a_cpu_nothing_is_done_to_a_network():
    network = tiny.stunet(tiny.BASE)

    assert optimise(network, fastest("cpu")) is network


@pytest.mark.slow
@torch.inference_mode()
def test_a_prepared_shape_is_compiled_whole_and_once_whatever_the_words_and_any_other_is_eager_to_the_bit(
    compiler,
):
    network = tiny.stunet(tiny.BASE)
    fast = optimise(network, WHOLE)

    with preparing(fast):
        fast(*asked(fast))
    fast(*asked(fast, length=9))

    assert (compiler.graphs, compiler.calls) == (1, 3)  # one to prepare
    torch.testing.assert_close(fast(*asked(fast)), network(*asked(network)), rtol=1e-4, atol=1e-4)
    compiler.calls = 0
    assert torch.equal(fast(*asked(fast, frames=6)), network(*asked(network, frames=6)))
    assert compiler.calls == 0


@torch.inference_mode()
def test_low_precision_stays_within_two_percent_of_float32():
    reference = tiny.stunet(tiny.BASE)
    low = tiny.stunet(tiny.BASE).to(torch.bfloat16)

    made, truth = low(*asked(low)).float(), reference(*asked(reference))

    assert (made - truth).square().mean().sqrt() < 0.02 * truth.square().mean().sqrt()
    assert not torch.equal(made, truth)


@torch.inference_mode()
def test_a_compiler_that_fails_leaves_the_eager_network_and_says_so(monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(module.torch, "compile", lambda run, **_: broken)
    network = tiny.stunet(tiny.BASE)
    fast = optimise(network, WHOLE)

    with caplog.at_level(logging.WARNING, "model.optimise"), preparing(fast):
        made = fast(*asked(fast))

    assert torch.equal(made, network(*asked(network)))
    assert "no C++ compiler" in caplog.text


@torch.inference_mode()
def test_memory_that_does_not_do_is_told_to_whoever_can_ask_for_less(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(module.torch, "compile", lambda run, **_: full)
    fast = optimise(tiny.stunet(tiny.BASE), WHOLE)

    with preparing(fast), pytest.raises(torch.OutOfMemoryError):
        fast(*asked(fast))


def test_the_copy_that_a_style_makes_is_eager_and_has_the_same_weights():
    fast = optimise(tiny.stunet(tiny.BASE), WHOLE)

    copied = copy.deepcopy(fast)

    assert isinstance(fast, Optimised)
    assert type(copied) is STUNet
    for own, theirs in zip(fast.parameters(), copied.parameters(), strict=True):
        assert torch.equal(own, theirs)


@torch.inference_mode()
def test_padding_a_text_changes_nothing_that_is_seen():
    network = tiny.stunet(tiny.BASE)
    x, sigma, context = asked(network)

    longer = padded(context)

    assert [text.keys.shape[2] for text in longer.image.text] == [64] * len(context.image.text)
    torch.testing.assert_close(network(x, sigma, longer), network(x, sigma, context), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_guidance_in_one_call_is_guidance_in_two():
    network = tiny.stunet(tiny.BASE)
    x, _, both = asked(network, batch=2)
    contexts = [rows_of(both, slice(k, k + 1)) for k in range(2)]

    def denoiser(context):
        return lambda x, sigma: network(x, x.new_full((x.shape[0],), sigma), context)

    first, second = map(denoiser, contexts)
    for sigma in (0.3, 0.9):
        two = guided(first, second, 3.0, (0.0, 0.5))(x[:1], sigma)
        one = paired(first, denoiser(both), 3.0, (0.0, 0.5))(x[:1], sigma)
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_video_by_compiled_networks_is_that_of_eager_ones(tmp_path, compiler):
    tiny.write_checkpoint(tmp_path, Sampling(base_size=32, window=16, ssr_steps=1))
    pipeline = Pipeline.load(tmp_path, dtype=torch.float32)
    fast = copy.copy(pipeline)
    fast.optimise(WHOLE)

    with preparing(fast.base, fast.ssr):
        fast.generate(SPEC)
    graphs = compiler.graphs
    made, truth = fast.generate(SPEC).astype(int), pipeline.generate(SPEC).astype(int)

    assert graphs == compiler.graphs == 2  # the base model's, and the super-resolution's
    assert abs(made - truth).max() <= 1
