"""What a worker makes of stored inputs: pictures and clips, upright, at the size and the times of the video."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from model.given import NOTHING
from model.spec import VideoSpec
from model.tasks import Task
from tests import clips
from tests.claims import claim
from worker.given import Inputs, InvalidInput
from worker.jobs import JobStore
from worker.material import Material, new_id
from worker.media import Medium
from worker.render import failure
from worker.settings import Settings
from worker.storage import LocalStorage
from worker.variants import input_key

KINDS = {b"\x89PNG": "image/png", b"\x1a\x45": "video/webm"}
SPEC = VideoSpec(prompt="a boat", size="128x128", seconds=1, seed=7)


def moving(colours, rate=16, size=(64, 48), form="mp4", codec="libx264"):
    """A clip whose frames are of one grey each, but for a white stripe on the left."""
    target = io.BytesIO()
    with av.open(target, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for colour in colours:
            pixels = np.full((size[1], size[0], 3), colour, np.uint8)
            pixels[:, : size[0] // 4] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def noise(size=(128, 128), mode="RGB"):
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    return pixels, clips.saved(Image.fromarray(pixels.squeeze()), "PNG")


@pytest.fixture
def made(redis, tmp_path):
    """A job with these bytes as its inputs."""
    jobs, storage = JobStore(redis), LocalStorage(tmp_path)

    def make(spec=SPEC, **inputs):
        told = {"sha256": "x", "width": 1, "height": 1, "frames": 1, "fps": None}
        job_id, media = new_id(), {}
        for field, content in inputs.items():
            kind = next((kind for head, kind in KINDS.items() if content.startswith(head)), "video/mp4")
            media[field] = Medium(content_type=kind, bytes=len(content), **told)
            (tmp_path / "sent").write_bytes(content)
            storage.put(input_key(job_id, field, media[field]), tmp_path / "sent", kind)
        return claim(jobs, jobs.create(spec, material=Material(job_id, media)).id)

    return make


@pytest.fixture
def read(made, tmp_path):
    """What a worker makes of these bytes."""

    def read(spec=SPEC, **inputs):
        return Inputs(made(spec, **inputs), LocalStorage(tmp_path), Settings(), lambda: None).given()

    return read


def test_without_inputs_nothing_is_given(read):
    assert read() is NOTHING


def test_a_picture_of_the_videos_size_is_given_to_the_byte(read):
    pixels, picture = noise()

    given = read(input_reference=picture)

    assert given.clip.dtype == np.uint8
    assert np.array_equal(given.clip, pixels[None])
    assert (given.mask, given.last) == (None, None)


@pytest.mark.parametrize(("size", "shape"), [("128x128", (128, 128)), ("1280x720", (720, 1280))])
def test_of_a_picture_of_another_shape_the_middle_is_given(read, size, shape):
    wide = np.zeros((90, 480, 3), np.uint8)
    wide[:, :120] = wide[:, 360:] = (255, 0, 0)  # beyond the middle at either shape
    picture = clips.saved(Image.fromarray(wide), "PNG")

    clip = read(SPEC.model_copy(update={"size": size}), input_reference=picture).clip

    assert clip.shape == (1, *shape, 3)
    assert not clip[:, :, 8:-8].any()


def test_what_is_transparent_is_white_and_of_a_mask_kept(read):
    clear = clips.saved(Image.new("RGBA", (128, 128), (255, 255, 255, 0)), "PNG")

    given = read(input_reference=clear, mask=clear)

    assert (given.clip == 255).all()
    assert not given.mask.any()


def test_white_of_a_mask_is_made_anew_and_nothing_lies_between(read):
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = clips.saved(Image.fromarray(greys), "PNG")

    given = read(input_reference=noise()[1], mask=mask)

    assert given.mask.dtype == bool
    assert np.array_equal(given.mask, np.kron(greys >= 128, np.ones((8, 8), bool))[None])


@pytest.mark.parametrize(("rate", "frames"), [(16, 16), (30, 30), (8, 8)])
def test_a_clip_is_given_at_the_moments_of_the_videos_frames(read, rate, frames):
    colours = np.linspace(0, 240, frames).astype(int)

    clip = read(input_reference=moving(colours, rate)).clip

    expected = [colours[int(k * rate / 16 + 1e-9)] for k in range(16)]
    assert clip.shape == (16, 128, 128, 3)
    assert np.abs(clip[:, 64, 100].mean(-1) - expected).max() < 4


@pytest.mark.parametrize(("form", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9")])
def test_of_a_clip_no_more_is_given_than_the_video_has_and_of_one_that_goes_on_less(read, form, codec):
    long = moving([0, 90] * 20, form=form, codec=codec)
    short = moving([0] * 5, form=form, codec=codec)

    def frames(task, content):
        spec = SPEC.model_copy(update={"task": task})
        return len(read(spec, video=content).clip)

    assert frames(Task.VIDEO_TO_VIDEO, long) == 16
    assert frames(Task.EXTEND, long) == 15
    assert frames(Task.EXTEND, short) == 5


def test_a_clip_that_lies_on_its_side_is_given_upright(read):
    lying = moving([0] * 4)

    upright, turned = (read(input_reference=each).clip[0] for each in (lying, clips.rotated(lying)))

    left, top = upright[:, :16].mean(), turned[:16].mean()
    assert min(left, top) > 200
    assert max(upright[:, 64:].mean(), turned[64:].mean()) < 20


def test_the_last_frame_is_a_picture(read):
    pixels, picture = noise()

    assert np.array_equal(read(input_reference=picture, last_frame=picture).last, pixels)


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("input_reference", noise()[1][:3000]),
        ("mask", moving([0] * 9)[:600]),
        ("last_frame", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_what_cannot_be_read_is_told_by_name_and_a_code_of_its_own(read, tmp_path, field, content):
    inputs = {"input_reference": noise()[1]} | {field: content}

    with pytest.raises(InvalidInput, match=rf"^{field}: cannot be decoded") as invalid:
        read(**inputs)

    assert failure(invalid.value, tmp_path) == ("invalid_input", str(invalid.value))


def test_an_input_that_is_gone_is_told_by_name(made, tmp_path):
    job, storage = made(video=moving([0])), LocalStorage(tmp_path)
    storage.delete(input_key(job.id, "video", job.inputs["video"]))

    with pytest.raises(InvalidInput, match=r"^video: what was stored of it is gone"):
        Inputs(job, storage, Settings(), lambda: None).given()


def test_what_decodes_an_input_has_only_so_much_memory(made, tmp_path):
    job = made(input_reference=clips.bomb(8000, 8000, rows=8000))
    settings = Settings(media_memory_bytes=1 << 28)

    with pytest.raises(InvalidInput, match=r"^input_reference: cannot be decoded"):
        Inputs(job, LocalStorage(tmp_path), settings, lambda: None).given()
