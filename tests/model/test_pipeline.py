"""One video from one request, by a tiny real checkpoint: seeds, steps, batches."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from model.diffusion import noise_for, schedule
from model.image_unet import ImageUNetConfig
from model.layers import CrossAttention, fourier
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.stunet import inflate
from model.weights import InvalidCheckpoint, Sampling
from tests import tiny

# base clips of 32 x 32, so that the smallest video asked for is four times upscaled, in uneven windows of 6 frames
HOW = Sampling(base_size=32, ssr_steps=3, window=6, overlap=2)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=1, steps=3, seed=7)
PROMPTS = ["a red boat", "a very large blue balloon that rises over the grass", "x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return Pipeline.load(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def frames(pipeline):
    return pipeline.generate(SPEC)


def low(frames=16, batch=1):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, frames, 32, 32, generator=generator) * 2 - 1


def asked(**changes):
    return SPEC.model_copy(update=changes)


@pytest.mark.parametrize(
    ("seconds", "size", "side"), [(1, "128x128", 128), (2, "128x128", 128), (1, "256x256", 256)]
)
def test_a_video_has_the_frames_and_the_size_that_were_asked_for(pipeline, seconds, size, side):
    frames = pipeline.generate(asked(seconds=seconds, size=size, steps=1))

    assert frames.shape == (16 * seconds, side, side, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 5


def test_a_video_at_the_base_size_is_not_upscaled(tmp_path):
    tiny.write_checkpoint(tmp_path, replace(HOW, base_size=128))
    steps = []

    frames = Pipeline.load(tmp_path, dtype=torch.float32).generate(SPEC, steps.append)

    assert frames.shape == (16, 128, 128, 3)
    assert [(step.stage, step.done, step.total) for step in steps] == [("base", k, 3) for k in (1, 2, 3)]
    assert [step.fraction for step in steps] == pytest.approx([1 / 3, 2 / 3, 1])


def test_the_same_request_makes_the_same_frames(pipeline, frames):
    assert np.array_equal(pipeline.generate(SPEC), frames)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"prompt": "a blue balloon"},
        {"negative_prompt": "grass"},
        {"guidance_scale": 2.0},
        {"steps": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_part_of_a_request_is_heard(pipeline, frames, change):
    other = pipeline.generate(asked(**change))

    assert np.abs(other.astype(int) - frames).mean() > 0.05


def test_steps_are_reported_in_order_up_to_the_whole(pipeline):
    steps = []

    pipeline.generate(SPEC, steps.append)

    base, ssr = [("base", k, 3) for k in (1, 2, 3)], [("ssr", k, 3) for k in (1, 2, 3)]
    assert [(step.stage, step.done, step.total) for step in steps] == base + ssr
    fractions = [step.fraction for step in steps]
    assert fractions[0] > 0
    assert all(earlier < later for earlier, later in pairwise(fractions))
    assert fractions[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_what_on_step_raises_ends_the_generation_there(pipeline, at):
    steps = []

    def stop(step):
        steps.append(step)
        if len(steps) == at:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        pipeline.generate(SPEC, stop)

    assert len(steps) == at


def test_a_clip_does_not_depend_on_what_it_was_batched_with(pipeline):
    options = {"negative": "blurred grass", "shape": (4, 32, 32), "steps": 3}
    seeds = [5, 6, 2**63 - 1]

    batch = pipeline.base_clips(PROMPTS, seeds, **options)

    for k in range(3):
        alone = pipeline.base_clips([PROMPTS[k]], [seeds[k]], **options)
        torch.testing.assert_close(batch[k : k + 1], alone, rtol=1e-3, atol=1e-3)
    reordered = pipeline.base_clips(PROMPTS[::-1], seeds[::-1], **options)
    torch.testing.assert_close(reordered.flip(0), batch, rtol=1e-3, atol=1e-3)


def test_two_seeds_of_one_prompt_are_two_clips(pipeline):
    one, other, same = pipeline.base_clips(["a boat"] * 3, [1, 2, 1], shape=(4, 32, 32), steps=2)

    assert (one - other).abs().mean() > 0.01
    torch.testing.assert_close(one, same, rtol=1e-4, atol=1e-4)


def test_details_are_those_of_the_seed(pipeline):
    one, other, same = (pipeline.upscale(low(), 2, [seed]) for seed in (1, 2, 1))

    assert (one - other).abs().mean() > 1e-2
    torch.testing.assert_close(one, same)


def test_an_upscaled_clip_does_not_depend_on_what_it_was_batched_with(pipeline):
    clips = low(batch=2)

    batch = pipeline.upscale(clips, 2, [1, 2])

    for k, seed in enumerate([1, 2]):
        alone = pipeline.upscale(clips[k : k + 1], 2, [seed])
        torch.testing.assert_close(batch[k : k + 1], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("window_batch", [2, 9])
def test_nor_on_how_its_windows_were_batched(pipeline, window_batch):
    together = pipeline.upscale(low(), 2, [1], window_batch=window_batch)

    torch.testing.assert_close(together, pipeline.upscale(low(), 2, [1]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_noise_belongs_to_the_clip_and_not_to_its_windows(pipeline, sampler):
    """A frame-wise network, of one level and with silent temporal layers, cannot tell windows from the whole."""
    levels = {"widths": (64,), "blocks": (1,), "cross_attention": (False,), "self_attention": (True,)}
    network = inflate(tiny.image_unet(replace(tiny.SSR, **levels)), tiny.INFLATION)

    def clip(window):
        how = replace(HOW, base_sampler=sampler, ssr_sampler=sampler, window=window)
        return Pipeline(pipeline.base, network, pipeline.text, how).upscale(low(), 2, [1])

    whole = clip(16)
    for window in (5, 3, 30):
        torch.testing.assert_close(clip(window), whole, rtol=1e-3, atol=1e-3)


def test_the_low_clip_and_its_augmentation_are_seen(pipeline):
    clear = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, replace(HOW, augmentation=0.0))

    upscaled = clear.upscale(low(), 2, [1])

    assert (upscaled - pipeline.upscale(low(), 2, [1])).abs().mean() > 1e-3
    assert (upscaled - clear.upscale(-low(), 2, [1])).abs().mean() > 1e-3


def test_noise_of_the_stages_and_of_seeds_is_not_the_same_noise(pipeline):
    """Else the upscaler would find in its input the very noise that the base clip, or its augmentation, was made of."""
    seen = []

    def watch(module, inputs):
        seen.append(inputs[0].detach().clone())

    with pipeline.ssr.register_forward_pre_hook(watch):
        loud = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, replace(HOW, augmentation=1.0, window=16))
        loud.upscale(low(), 1, [1])
        loud.upscale(low(), 1, [2])
    noisy, beside = seen[0].chunk(2, dim=1)
    other_noisy, other_beside = seen[HOW.ssr_steps].chunk(2, dim=1)
    base = noise_for([1], (3, 16, 32, 32))

    pairs = [(noisy, beside), (noisy, base), (beside, base), (noisy, other_noisy), (beside, other_beside)]
    for one, other in pairs:
        correlation = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
        assert correlation.abs() < 0.05


def test_pixels_are_within_range_however_strong_the_guidance(pipeline):
    clips = pipeline.base_clips(PROMPTS[:1], [1], shape=(4, 32, 32), steps=4, guidance_scale=20.0)

    assert clips.abs().max() <= 1
    assert pipeline.upscale(low(), 2, [1]).abs().max() <= 1


@pytest.mark.parametrize(("interval", "evaluations"), [((0.0, 1.0), 6), ((2.0, 3.0), 3)])
def test_guidance_follows_the_checkpoints_interval(pipeline, interval, evaluations):
    calls = []
    how = replace(HOW, guidance_interval=interval)

    with pipeline.base.register_forward_hook(lambda *call: calls.append(1)):
        Pipeline(pipeline.base, pipeline.ssr, pipeline.text, how).base_clips(
            ["a"], [1], shape=(2, 32, 32), steps=3
        )

    assert len(calls) == evaluations


def test_each_stage_follows_the_schedule_of_the_checkpoint(pipeline):
    levels = {"base": [], "ssr": []}
    how = replace(HOW, base_shift=2.0, ssr_shift=2.5, window=16)
    shaped = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, how)

    def watch(stage):
        return lambda module, inputs: levels[stage].append(inputs[1][0].item())

    with (
        pipeline.base.register_forward_pre_hook(watch("base")),
        pipeline.ssr.register_forward_pre_hook(watch("ssr")),
    ):
        shaped.generate(asked(guidance_scale=1.0))

    assert levels["base"] == pytest.approx(schedule(3, 2.0)[:-1])
    assert levels["ssr"] == pytest.approx(schedule(3, 2.5)[:-1])


@pytest.mark.parametrize("stage", ["base", "ssr"])
def test_each_stage_follows_the_sampler_of_the_checkpoint(pipeline, stage):
    def clip(sampler):
        how = replace(HOW, base_sampler=sampler, ssr_sampler=sampler, ssr_steps=4)
        shaped = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, how)
        if stage == "base":
            return shaped.base_clips(["a"], [1], shape=(2, 32, 32), steps=4)
        return shaped.upscale(low(2), 2, [1])

    torch.testing.assert_close(clip("euler"), clip("euler"))
    assert (clip("euler") - clip("dpmpp_2m")).abs().mean() > 1e-3


def test_prompts_are_cut_where_the_checkpoint_says(tmp_path):
    tiny.write_checkpoint(tmp_path, replace(HOW, max_tokens=5))

    assert Pipeline.load(tmp_path).text(["a boat " * 50]).states.shape[1] == 5


def test_at_a_scale_of_one_the_prompt_is_heard_and_the_negative_prompt_is_not(pipeline):
    def clip(prompt, negative):
        options = {"negative": negative, "shape": (2, 32, 32), "steps": 2, "guidance_scale": 1.0}
        return pipeline.base_clips([prompt], [1], **options)

    assert torch.equal(clip("a boat", "grass"), clip("a boat", "sea"))
    assert (clip("a boat", "grass") - clip("a balloon", "grass")).abs().mean() > 1e-4


@pytest.mark.parametrize("factor", [2, 4])
def test_the_upscaler_is_told_the_checkpoints_augmentation_and_the_factor(pipeline, factor):
    told = []
    conditioner = pipeline.ssr.image.conditioner
    shaped = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, replace(HOW, augmentation=0.3, ssr_steps=1))

    with conditioner.scalars.register_forward_pre_hook(lambda module, inputs: told.append(inputs[0])):
        shaped.upscale(low(2), factor, [1])

    said = fourier(torch.tensor([[0.3, np.log2(factor) / 3]]) * 100, conditioner.features).flatten(1)
    torch.testing.assert_close(told[0], said, rtol=1e-3, atol=1e-3)


def test_text_is_projected_once_a_request(pipeline):
    calls = []
    layers = [module for module in pipeline.base.modules() if isinstance(module, CrossAttention)]
    hooks = [layer.key_value.register_forward_hook(lambda *call: calls.append(1)) for layer in layers]

    pipeline.generate(asked(steps=5))

    for hook in hooks:
        hook.remove()
    assert len(layers) == 1
    assert len(calls) == 2 * len(layers)  # the prompt and the negative prompt


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidCheckpoint, match="nowhere is not a folder"):
        Pipeline.load(tmp_path / "nowhere")


@pytest.mark.parametrize("stage", ["base_sampler", "ssr_sampler"])
def test_an_unknown_sampler_is_refused_with_the_known_ones(tmp_path, stage):
    tiny.write_checkpoint(tmp_path, replace(HOW, **{stage: "magic"}))

    with pytest.raises(InvalidCheckpoint, match=r"'magic', one of dpmpp_2m, euler"):
        Pipeline.load(tmp_path)


def test_the_default_sizes_make_a_network_that_fits_the_default_clip():
    config = ImageUNetConfig()

    assert Sampling().base_size % config.divisor == 0
    assert VideoSpec(prompt="a").frames % 2 ** (len(config.widths) - 1) == 0
    assert Sampling().window % 2 ** (len(config.widths) - 1) == 0
