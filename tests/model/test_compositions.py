"""What every task keeps of what it is given, and what it makes of it, by a tiny real checkpoint."""

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from model.canvas import Canvas
from model.catalog import TaskNotAvailable
from model.compositions import KNOWING, InvalidGiven, compose, lower
from model.conditioning import Conditions, Known
from model.diffusion import noise_for, noised, variance
from model.given import Given
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.ssr import lowered
from model.tasks import Task
from model.weights import InvalidCheckpoint, Sampling, save_stunet
from tests import tiny

# base clips of 32 x 32, four times upscaled, in uneven windows; two seconds take three passes
HOW = Sampling(base_size=32, ssr_steps=2, window=8, overlap=2, longest=16, known=4, longer="passes", shared=4)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=1, steps=2, seed=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return Pipeline.load(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def from_words(pipeline):
    return pipeline.generate(SPEC)


def pixels(frames, seed=0, height=128, width=128):
    """A clip that no network makes: every pixel of its own, but every four like one another."""
    coarse = np.random.default_rng(seed).integers(
        0, 256, (frames, height // 4, width // 4, 3), dtype=np.uint8
    )
    return coarse.repeat(4, 1).repeat(4, 2)


def disc(frames, radius=40, side=128):
    """A mask of something round that moves a little."""
    y, x = np.mgrid[:side, :side]
    return np.stack([(x - 60 - t) ** 2 + (y - 64) ** 2 < radius**2 for t in range(frames)])


def asked(task, **changes):
    return SPEC.model_copy(update={"task": task, **changes})


GIVEN = {
    Task.IMAGE_TO_VIDEO: Given(pixels(1)),
    Task.INPAINT: Given(pixels(16), disc(16)),
    Task.CINEMAGRAPH: Given(pixels(1), disc(1)),
    Task.INTERPOLATE: Given(pixels(1), last=pixels(1, 1)[0]),
    Task.EXTEND: Given(pixels(9)),
}


def test_every_task_that_knows_something_is_tried_here():
    assert GIVEN.keys() == KNOWING.keys()


def known_frames(task, given):
    """(where, what) is known of 16 frames, written down once more."""
    places, clip = np.zeros((16, 128, 128), dtype=bool), np.zeros((16, 128, 128, 3), dtype=np.uint8)
    if task in (Task.IMAGE_TO_VIDEO, Task.INTERPOLATE, Task.CINEMAGRAPH):
        places[0], clip[:] = True, given.clip[0]
    if task is Task.INTERPOLATE:
        places[15], clip[15] = True, given.last
    if task is Task.CINEMAGRAPH:
        places |= ~given.mask[0]
    if task is Task.INPAINT:
        places, clip = ~given.mask, given.clip
    if task is Task.EXTEND:
        places[:9], clip[:9] = True, given.clip
    return places, clip


@pytest.mark.parametrize("task", GIVEN)
def test_what_is_known_is_in_the_video_to_the_byte_and_the_rest_is_made(pipeline, from_words, task):
    frames = pipeline.generate(asked(task), given=GIVEN[task])

    places, clip = known_frames(task, GIVEN[task])
    assert frames.shape == (16, 128, 128, 3)
    assert np.array_equal(frames[places], clip[places])
    if task is not Task.EXTEND:  # of which fewer frames are made, from other noise
        assert not np.array_equal(frames[~places], from_words[~places])
    made = frames[~places].astype(int)
    assert np.abs(made - clip[~places]).mean() > 20


@settings(max_examples=4)
@drawn(st.integers(0, 99), st.floats(0.05, 0.95))
def test_any_mask_is_kept_at_both_sizes(pipeline, seed, share):
    side = 128
    chance = np.random.default_rng(seed)
    mask = (chance.random((16, side // 8, side // 8)) < share).repeat(8, 1).repeat(8, 2)
    mask[:, 3] = chance.random((16, side)) < 0.5
    clip, points = pixels(16, seed, side, side), []

    spec = asked(Task.INPAINT, steps=1)
    frames = pipeline.generate(spec, lambda step: points.append(step.point), given=Given(clip, mask))

    assert np.array_equal(frames[~mask], clip[~mask])
    factor = side // 32
    blocks = ~mask.reshape(16, 32, factor, 32, factor)
    whole = torch.from_numpy(blocks.all(axis=(2, 4)))
    truth = torch.from_numpy(clip).permute(3, 0, 1, 2)[None] / 127.5 - 1
    low, high = points[-1].low, points[-1].state.estimate
    assert torch.equal(low[0][:, whole], lowered(truth, factor)[0][:, whole])
    assert torch.equal(high[0][:, torch.from_numpy(~mask)], truth[0][:, torch.from_numpy(~mask)])
    assert not torch.equal(low[0][:, ~whole], lowered(truth, factor)[0][:, ~whole])


def test_with_nothing_to_make_the_input_comes_back(pipeline):
    clip, nothing = pixels(16), np.zeros((1, 128, 128), dtype=bool)

    assert np.array_equal(pipeline.generate(asked(Task.INPAINT), given=Given(clip, nothing)), clip)


def test_with_all_to_make_it_is_text_to_video_to_the_bit(pipeline, from_words):
    assert pipeline.base.temporal.stem.weight.std() > 0.1
    everything = np.ones((1, 128, 128), dtype=bool)

    frames = pipeline.generate(asked(Task.INPAINT), given=Given(pixels(16), everything))

    assert np.array_equal(frames, from_words)


def test_the_network_is_told_what_is_known_at_every_step_guided_and_not(pipeline):
    picture, seen = pixels(1), []

    with pipeline.base.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][:, 3:])):
        one = pipeline.generate(asked(Task.IMAGE_TO_VIDEO), given=Given(picture))
    other = pipeline.generate(asked(Task.IMAGE_TO_VIDEO), given=Given(255 - picture))

    truth = lowered(torch.from_numpy(picture).permute(3, 0, 1, 2)[None] / 127.5 - 1, 4)
    assert len(seen) == 2 * SPEC.steps
    for beside in seen:
        torch.testing.assert_close(beside[:, :3, :1], truth)
        assert (beside[:, 3:, :1] == 1).all()
        assert (beside[:, :, 1:] == 0).all()
    assert np.abs(one[8:].astype(int) - other[8:]).mean() > 0.1


@pytest.mark.parametrize("size", ["128x128", "256x256"])
def test_at_strength_0_the_source_comes_back_and_no_step_is_made(pipeline, size):
    side, steps = int(size[:3]), []
    source = np.random.default_rng(3).integers(0, 256, (16, side, side, 3), dtype=np.uint8)
    spec = asked(Task.VIDEO_TO_VIDEO, strength=0.0, size=size)

    assert np.array_equal(pipeline.generate(spec, steps.append, given=Given(source)), source)
    assert steps == []


def test_at_strength_1_it_is_text_to_video_to_the_bit(pipeline, from_words):
    spec = asked(Task.VIDEO_TO_VIDEO, strength=1.0)

    assert np.array_equal(pipeline.generate(spec, given=Given(pixels(16))), from_words)


@pytest.mark.parametrize(("strength", "left"), [(0.01, 1), (0.5, 2), (0.9, 4), (0.6, 3)])
def test_an_edit_starts_from_the_source_on_its_way_to_noise(pipeline, strength, left):
    source, seen, told = pixels(16), {"base": [], "ssr": []}, []

    def watch(stage):
        return lambda module, inputs: seen[stage].append((inputs[0][:, :3].clone(), inputs[1][:1]))

    with (
        pipeline.base.register_forward_pre_hook(watch("base")),
        pipeline.ssr.register_forward_pre_hook(watch("ssr")),
    ):
        spec = asked(Task.VIDEO_TO_VIDEO, strength=strength, steps=5, guidance_scale=1.0)
        pipeline.generate(spec, told.append, given=Given(source))

    truth = torch.from_numpy(source).permute(3, 0, 1, 2)[None] / 127.5 - 1
    x, sigma = seen["base"][0]
    begun = noised(lowered(truth, 4), noise_for([7], (3, 16, 32, 32)), sigma)
    torch.testing.assert_close(x, begun * variance(sigma).rsqrt(), rtol=1e-4, atol=1e-4)
    assert sigma.item() == pytest.approx(12 * left / (5 + 11 * left))
    x, sigma = seen["ssr"][0]
    begun = noised(truth, noise_for([7 ^ 0x5512], (3, 16, 128, 128)), sigma)[:, :, :8]
    torch.testing.assert_close(x, begun * variance(sigma).rsqrt(), rtol=1e-4, atol=1e-4)
    stages = [step.stage for step in told]
    assert stages.count("base") == left == told[0].total
    assert told[-1].fraction == pytest.approx(1.0)


def test_a_source_that_is_shorter_stays_as_its_last_frame(pipeline):
    short = pixels(3)
    spec = asked(Task.VIDEO_TO_VIDEO, strength=0.0)

    frames = pipeline.generate(spec, given=Given(short))

    assert np.array_equal(frames[:3], short)
    assert all(np.array_equal(frame, short[2]) for frame in frames[3:])


@pytest.mark.parametrize("had", [1, 3, 9, 13])
def test_an_extended_clip_begins_with_all_of_it_whatever_its_length(pipeline, had):
    source = pixels(had)

    frames = pipeline.generate(asked(Task.EXTEND, steps=1), given=Given(source))

    assert frames.shape[0] == 16
    assert np.array_equal(frames[:had], source)


def test_an_extension_sees_the_last_frames_and_no_others(pipeline):
    source, other = pixels(9), pixels(9)
    other[: 9 - HOW.known] = 0

    def goes_on(clip):
        return pipeline.generate(asked(Task.EXTEND, steps=1), given=Given(clip))[9:]

    assert np.array_equal(goes_on(source), goes_on(other))
    other[-1] = 0
    assert not np.array_equal(goes_on(source), goes_on(other))


def test_how_windows_are_batched_changes_nothing(pipeline):
    def frames(window_batch):
        spec = asked(Task.INPAINT, loop=True)
        return pipeline.generate(spec, given=GIVEN[Task.INPAINT], window_batch=window_batch).astype(int)

    assert np.abs(frames(3) - frames(1)).max() <= 1


@pytest.mark.parametrize(
    ("task", "given", "reason"),
    [
        (Task.IMAGE_TO_VIDEO, Given(), "a picture or a clip"),
        (Task.INPAINT, Given(pixels(1)), "mask"),
        (Task.CINEMAGRAPH, Given(pixels(1)), "mask"),
        (Task.INTERPOLATE, Given(pixels(1)), "last_frame"),
        (Task.VIDEO_TO_VIDEO, Given(), "a picture or a clip"),
        (Task.EXTEND, Given(pixels(16)), "16 frames.*16"),
    ],
)
def test_what_is_missing_is_named(pipeline, task, given, reason):
    with pytest.raises(InvalidGiven, match=reason):
        pipeline.generate(asked(task), given=given)


@pytest.fixture(scope="module")
def deaf(pipeline):
    """The same checkpoint before its network could be told anything."""
    return Pipeline(tiny.stunet(tiny.BASE), pipeline.ssr, pipeline.text, HOW)


@pytest.mark.parametrize("task", GIVEN)
def test_a_network_that_cannot_be_told_what_is_known_does_no_such_task(deaf, task):
    with pytest.raises(TaskNotAvailable, match=r"task: .*'ciotat-1'"):
        deaf.generate(asked(task), given=GIVEN[task])


def test_but_edits_and_loops(deaf):
    edit = asked(Task.VIDEO_TO_VIDEO, strength=1.0)

    assert np.array_equal(deaf.generate(edit, given=Given(pixels(16))), deaf.generate(SPEC))
    assert len(deaf.generate(asked(Task.TEXT_TO_VIDEO, loop=True))) == 16


def test_an_index_that_names_a_task_which_the_network_cannot_do_is_refused(tmp_path):
    tiny.write_checkpoint(tmp_path, HOW, [Task.TEXT_TO_VIDEO, Task.INPAINT, Task.EXTEND])
    Pipeline.load(tmp_path)
    save_stunet(tmp_path / "base_image", tmp_path / "base_temporal", tiny.stunet(tiny.BASE))

    with pytest.raises(InvalidCheckpoint, match=r"names extend, inpaint, but the network in base_temporal"):
        Pipeline.load(tmp_path)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (512, 512)])
def test_what_lies_beyond_the_video_is_not_known_and_nothing_jumps_there(width, height):
    canvas = Canvas.of(width, height, 128)
    clip = pixels(1, 0, height, width)
    size = f"{width}x{height}"
    spec = VideoSpec(prompt="a", task=Task.IMAGE_TO_VIDEO, size=size, seconds=1)

    under = compose(spec, Given(clip), canvas, 16, 4).conditions(torch.device("cpu"), slice(None))

    assert under.known.clip.shape == (1, 3, 16, *canvas.enlarged)
    assert torch.equal(canvas.cut(under.known.mask)[0, 0, 0], torch.ones(height, width))
    assert under.known.mask.sum() == height * width
    assert torch.equal(
        under.known.clip[..., 0, : canvas.width], under.known.clip[..., canvas.top, : canvas.width]
    )
    low = lower(under, canvas.factor).known
    assert low.mask.shape == (1, 1, 16, *canvas.grid)
    assert low.mask.sum() == (canvas.rows - 2 * -(-canvas.top // canvas.factor)) * canvas.columns - (
        2 * -(-canvas.left // canvas.factor) * canvas.rows
    )


def test_a_pixel_of_the_base_clip_is_known_only_where_all_under_it_are():
    mask = torch.ones(1, 1, 1, 4, 4)
    mask[..., 0, 0] = 0

    low = lower(Conditions(Known(torch.zeros(1, 3, 1, 4, 4), mask)), 2).known

    assert low.mask.flatten().tolist() == [0, 1, 1, 1]
