"""Styles: low-rank changes of the image weights, mixed in by a share, and never by half."""

import gc
import json
import threading
import weakref

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from model.catalog import UnknownStyle
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.style import KEPT, UNTOUCHED, StyleConfig, StyleDelta, Styles, load_style, weights_digest
from model.weights import InvalidCheckpoint, Sampling, fingerprint, load_image_unet
from tests import tiny

HOW = Sampling(base_size=32, ssr_steps=1, window=6, overlap=2)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=1, steps=3, seed=7)
PROMPTS, SEEDS = ["a red boat"], [7]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    for seed, name in enumerate(("flat", "line")):
        tiny.write_style(folder, name, seed)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return Pipeline.load(folder, dtype=torch.float32)


def style_weights(folder, name):
    """What the image network is in this style, computed apart: base + up @ down, weight by weight."""
    weights = load_image_unet(folder / "base_image").state_dict()
    stored = {
        key: value.float() for key, value in load_file(folder / "styles" / name / "model.safetensors").items()
    }
    for key in [key for key in stored if not key.startswith("down.")]:
        part, _, flat = key.partition(".")
        name = flat.replace("/", ".")
        change = stored[key] @ stored[f"down.{flat}"] if part == "up" else stored[key]
        weights[name] = weights[name] + change.view_as(weights[name])
    return weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_share_of_nothing_is_the_base_and_of_all_is_the_style_to_the_bit(folder, dtype):
    pipeline = Pipeline.load(folder, dtype=dtype)
    base, styled = load_image_unet(folder / "base_image").state_dict(), style_weights(folder, "flat")
    none, some, whole = (pipeline.styled("flat", a).base.image.state_dict() for a in (0.0, 0.25, 1.0))

    for name in base:
        assert none[name].dtype == dtype
        assert torch.equal(none[name], pipeline.base.image.state_dict()[name])
        assert torch.equal(none[name], base[name].to(dtype))
        assert torch.equal(whole[name], styled[name].to(dtype))
        between = 0.75 * base[name] + 0.25 * styled[name]
        assert torch.allclose(some[name].float(), between, atol=1e-6 if dtype == torch.float32 else 2e-2)
        assert torch.equal(none[name], whole[name]) == name.startswith(UNTOUCHED)


def test_all_that_a_style_does_not_change_is_shared_with_the_base(pipeline):
    mixed = pipeline.styled("flat", 0.5)
    own = dict(pipeline.base.named_parameters())
    shared = {name for name, weight in mixed.base.named_parameters() if weight is own[name]}

    assert shared == {name for name in own if name.startswith(("temporal.", f"image.{UNTOUCHED}"))}
    assert all(not weight.requires_grad for weight in mixed.base.parameters())
    assert [w.stride() for w in mixed.base.parameters()] == [w.stride() for w in pipeline.base.parameters()]
    assert mixed.ssr is pipeline.ssr
    assert pipeline.styled(None, 1.0) is pipeline


def test_a_new_style_changes_nothing():
    image = tiny.image_unet(tiny.BASE)
    weights = dict(image.named_parameters())

    styled = StyleDelta(image, 4).applied(weights)

    assert styled.keys() == {name for name in weights if not name.startswith(UNTOUCHED)}
    assert all(torch.equal(styled[name], weights[name]) for name in styled)


def test_a_style_is_a_small_part_of_the_weights_that_it_changes():
    image = tiny.image_unet(tiny.BASE)
    delta = StyleDelta(image, 2)

    for name, change in delta.changes():
        if change.ndim == 2:
            assert torch.linalg.matrix_rank(tiny.awakened(delta).up[name.replace(".", "/")]) <= 2
    assert sum(p.numel() for p in delta.parameters()) < 0.2 * sum(p.numel() for p in image.parameters())


def test_a_style_is_seen_in_the_clip_the_more_the_larger_its_share(pipeline):
    clips = [
        pipeline.styled("flat", alpha).base_clips(PROMPTS, SEEDS, shape=(4, 32, 32), steps=3)
        for alpha in (0.0, 0.3, 1.0)
    ]
    base = pipeline.base_clips(PROMPTS, SEEDS, shape=(4, 32, 32), steps=3)

    assert torch.equal(clips[0], base)
    assert 0 < (clips[1] - base).square().mean() < (clips[2] - base).square().mean()


def test_a_mixture_is_made_once_and_the_last_few_are_kept(pipeline):
    first = pipeline.styled("flat", 0.1).base
    assert pipeline.styled("flat", 0.1).base is first

    others = [pipeline.styled("line", k / 10).base for k in range(KEPT - 1)]
    assert pipeline.styled("flat", 0.1).base is first, "asked for again, it is the newest"
    assert len({id(network) for network in (first, *others)}) == KEPT

    pipeline.styled("line", 0.9)
    assert pipeline.styled("flat", 0.1).base is first
    gone = [pipeline.styled("line", k / 10).base for k in range(KEPT)]
    assert pipeline.styled("flat", 0.1).base is not first
    assert gone


def test_the_memory_of_a_mixture_that_is_no_longer_kept_is_given_back(pipeline):
    network = pipeline.styled("flat", 0.77).base
    weight = weakref.ref(network.image.stem.weight)
    kept = pipeline.styled("line", 0.0).base  # whose temporal layers both share
    for k in range(KEPT):
        pipeline.styled("line", k / 10)

    assert weight() is not None, "a job that goes on with it has it"
    del network
    gc.collect()
    assert weight() is None
    assert kept.temporal.clock.time.weight is pipeline.base.temporal.clock.time.weight


def test_jobs_that_ask_at_once_each_get_their_own_whole_mixture(folder, pipeline):
    base = load_image_unet(folder / "base_image").state_dict()
    wrong, start = [], threading.Barrier(6)

    def ask(style, alpha):
        styled = style_weights(folder, style)
        start.wait()
        for _ in range(5):
            weights = pipeline.styled(style, alpha).base.image.state_dict()
            torn = [n for n in weights if not torch.equal(weights[n], torch.lerp(base[n], styled[n], alpha))]
            wrong.extend((style, alpha, name) for name in torn)

    asked = [(style, alpha) for style in ("flat", "line") for alpha in (0.2, 0.6, 1.0)]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_unknown_style_is_refused_with_those_there_are(pipeline, folder):
    with pytest.raises(UnknownStyle, match=rf"{folder.name}' has no style 'oil'; it has flat, line$"):
        pipeline.styled("oil", 0.5)


def test_a_checkpoint_without_styles_keeps_nothing_for_them(tmp_path):
    tiny.write_checkpoint(tmp_path, HOW)
    pipeline = Pipeline.load(tmp_path, dtype=torch.bfloat16)

    assert pipeline.styles._base == {}
    with pytest.raises(UnknownStyle, match=r"it has none$"):
        pipeline.styled("flat", 0.5)


def test_weights_of_a_style_are_part_of_what_tells_a_checkpoint(folder, tmp_path):
    tiny.write_checkpoint(tmp_path, HOW)
    without = fingerprint(tmp_path)
    tiny.write_style(tmp_path, "flat", 0)
    one = fingerprint(tmp_path)
    tiny.write_style(tmp_path, "flat", 1)

    assert len({without, one, fingerprint(tmp_path)}) == 3


@pytest.fixture
def style(tmp_path):
    """A style's folder, to be broken, and how it is loaded."""
    tiny.write_checkpoint(tmp_path, HOW)
    tiny.write_style(tmp_path, "flat", 0)
    return tmp_path / "styles" / "flat"


def refused(style, reason):
    with pytest.raises(InvalidCheckpoint, match=reason) as error:
        Pipeline.load(style.parents[1])
    assert str(style) in str(error.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"of": "0123456789abcdef"}, "changes image weights '0123456789abcdef', and those beside it are"),
        ({"rank": 0}, "rank must be at least 1: got 0"),
        ({"rank": 3}, r"down\..* is \(.*\), the config says"),
        ({"colour": "red"}, "unknown settings colour"),
    ],
)
def test_a_style_whose_config_does_not_fit_is_refused_with_the_reason(style, change, reason):
    config = style / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))

    refused(style, reason)


def test_a_style_without_weights_or_with_others_is_refused(style):
    weights = style / "model.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"extra": torch.zeros(1)}, weights)
    refused(style, "extra")
    weights.unlink()
    refused(style, "is missing")


def test_a_style_of_other_image_weights_is_refused(style, tmp_path):
    image = style.parents[1] / "base_image" / "model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(image).items()}, image)

    refused(style, "changes image weights")


def test_a_style_comes_back_as_it_was_saved(folder):
    image = load_image_unet(folder / "base_image")
    delta = load_style(folder / "styles" / "flat", image, weights_digest(folder / "base_image"))

    assert all(not weight.requires_grad for weight in delta.parameters())
    styled = style_weights(folder, "flat")
    base = dict(image.named_parameters())
    assert all(torch.equal(weight, styled[name]) for name, weight in delta.applied(base).items())
    assert StyleConfig().rank == 12
    assert Styles(image, {"flat": delta}).mixed(tiny.stunet(tiny.BASE), "flat", 1.0) is not None


def test_a_styled_video_is_resumed_to_the_bit_and_with_nothing_of_the_style_is_the_bases(folder, pipeline):
    spec, points = SPEC.model_copy(update={"style": "flat", "style_alpha": 0.6}), []
    whole = pipeline.generate(spec, lambda step: points.append(step.point))
    again = Pipeline.load(folder, dtype=torch.float32)

    for point in points[:-1]:
        assert np.array_equal(again.generate(spec, resume=point), whole)
    base = again.generate(SPEC)
    assert not np.array_equal(base, whole)
    assert np.array_equal(again.generate(spec.model_copy(update={"style_alpha": 0.0})), base)


def test_a_video_in_an_unknown_style_is_refused_before_its_first_step(pipeline):
    steps = []
    with pytest.raises(UnknownStyle, match="no style 'oil'"):
        pipeline.generate(SPEC.model_copy(update={"style": "oil"}), steps.append)
    assert steps == []
