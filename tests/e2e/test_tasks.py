"""Every task on a real stack: what goes in by the official client, the command or gRPC comes back in the MP4."""

import base64
import io

import av
import grpc
import numpy as np
import openai
import pytest
from PIL import Image

from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from tests.clips import saved
from tests.e2e.test_stack import ciotat

pytestmark = pytest.mark.slow

SMALL = {"model": "able", "size": "128x128", "seconds": "1", "extra_body": {"steps": 2, "seed": 7}}
CLOSE, FAR = (
    10,
    18,
)  # of 255, on the average: what H.264 makes of no difference, noise being encoded twice; another clip
LEFT, RIGHT = np.s_[..., 8:120, 8:56, :], np.s_[..., 8:120, 72:120, :]  # away from the border between them


def halves(left, right):
    """A picture of two colours, as large as the video."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:, :64], pixels[:, 64:] = left, right
    return pixels


PIXELS, OTHER = halves((200, 60, 40), (40, 90, 180)), halves((30, 160, 60), (220, 200, 90))
RIGHT_IS_NEW = halves(0, 255)


def png(pixels):
    return saved(Image.fromarray(pixels), "PNG")


def data_url(pixels):
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def frames_of(content):
    with av.open(io.BytesIO(content)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]).astype(float)


def apart(a, b):
    """How far apart two pictures or clips are, on the average."""
    return np.abs(a.astype(float) - b).mean()


@pytest.fixture(scope="module")
def client(stack):
    with openai.OpenAI(base_url=f"{stack.address}/v1", api_key="unused") as client:
        yield client


@pytest.fixture(scope="module")
def fetched(client):
    """The frames of a video, once it is completed."""

    def fetch(video):
        assert client.videos.poll(video.id).status == "completed"
        return frames_of(client.videos.download_content(video.id).content)

    return fetch


@pytest.fixture(scope="module")
def first(client, fetched):
    """A video from a picture, and its frames."""
    video = client.videos.create(prompt="a boat", input_reference=png(PIXELS), **SMALL)
    return video, fetched(video)


@pytest.fixture(scope="module")
def files(tmp_path_factory, first, client):
    """The pictures, and the clip, as files for the command."""
    folder = tmp_path_factory.mktemp("given")
    for name, pixels in {"picture": PIXELS, "other": OTHER, "mask": RIGHT_IS_NEW}.items():
        (folder / f"{name}.png").write_bytes(png(pixels))
    client.videos.download_content(first[0].id).write_to_file(folder / "clip.mp4")
    return folder


def test_a_video_from_a_picture_begins_with_it(first):
    video, frames = first

    assert video.to_dict()["task"] == "image_to_video"
    assert len(frames) == 16
    assert apart(frames[0][LEFT], PIXELS[LEFT]) < CLOSE
    assert apart(frames[0][RIGHT], PIXELS[RIGHT]) < CLOSE
    assert apart(frames[-1], PIXELS) > FAR


def test_a_remix_is_as_much_the_source_as_was_asked_for(client, first, fetched):
    remixed = [
        client.videos.remix(first[0].id, prompt="a ship", extra_body={"strength": strength})
        for strength in (0, 1)
    ]
    same, other = map(fetched, remixed)

    assert [video.to_dict()["strength"] for video in remixed] == [0, 1]
    assert apart(same, first[1]) < CLOSE
    assert apart(other, first[1]) > FAR


def test_an_edit_keeps_what_is_black_in_its_mask(client, first, fetched):
    given = {"video": {"id": first[0].id}, "mask": {"image_url": data_url(RIGHT_IS_NEW)}}
    video = client.videos.edit(prompt="a ship", video=openai.omit, extra_body=given)
    frames = fetched(video)

    assert (video.to_dict()["task"], video.remixed_from_video_id) == ("inpaint", first[0].id)
    assert apart(frames[LEFT], first[1][LEFT]) < CLOSE
    assert apart(frames[RIGHT], first[1][RIGHT]) > FAR


def test_an_extension_goes_on_from_what_there_was(client, first, fetched, files):
    by_id = client.videos.extend(
        prompt="a ship", seconds="2", video=openai.omit, extra_body={"video": {"id": first[0].id}}
    )
    frames = fetched(by_id)

    assert len(frames) == 32
    assert apart(frames[:16], first[1]) < CLOSE
    assert apart(frames[16:], first[1]) > FAR


@pytest.fixture(scope="module")
def generated(stack, files, tmp_path_factory):
    """The frames of what `ciotat generate` makes with these options, and what it says."""
    output = tmp_path_factory.mktemp("generated") / "a.mp4"

    def generate(*options):
        options = [str(files / each) if "." in each else each for each in options]
        small = ["--model=able", "--size=128x128", "--seconds=1", "--steps=2", "--seed=7"]
        made = ciotat("generate", "a boat", "-o", output, *small, *options, CIOTAT_SERVER=stack.address)
        assert made.returncode == 0, made.stderr
        return frames_of(output.read_bytes()), made.stderr

    return generate


def test_the_command_makes_a_picture_move_where_its_mask_is_white(generated):
    frames, said = generated("--task=cinemagraph", "--image", "picture.png", "--mask", "mask.png")

    assert "ciotat: cinemagraph, 1 s of 128x128 by able, seed 7, image " in said
    assert apart(frames[LEFT], PIXELS[LEFT]) < CLOSE
    assert apart(frames[0], PIXELS) < CLOSE
    assert apart(frames[8:][RIGHT], PIXELS[RIGHT]) > FAR


def test_the_command_makes_what_lies_between_two_pictures(generated):
    frames, said = generated("--image", "picture.png", "--last-frame", "other.png")

    assert "ciotat: interpolate, " in said
    assert apart(frames[0], PIXELS) < CLOSE
    assert apart(frames[-1], OTHER) < CLOSE
    assert apart(frames[8], PIXELS) > FAR


def test_the_command_gives_a_clip_back_at_strength_0_and_loops_and_styles_others(generated, first):
    same, said = generated("--video", "clip.mp4", "--strength", "0")
    flat, told = generated("--task=stylize", "--style=flat", "--style-alpha=1", "--loop")
    plain, _ = generated()

    assert "video_to_video" in said
    assert "strength 0" in said
    assert apart(same, first[1]) < CLOSE
    assert "stylize" in told
    assert "style flat at 1, a loop" in told
    assert apart(flat, plain) > CLOSE


def test_the_command_tells_what_is_wrong_with_its_inputs(stack, files, tmp_path):
    def refused(*options):
        asked = ["generate", "a boat", "--model=able", "-o", str(tmp_path / "a.mp4"), *map(str, options)]
        made = ciotat(*asked, CIOTAT_SERVER=stack.address)
        assert (made.returncode != 0, made.stdout) == (True, "")
        return made.stderr

    picture, mask, clip = files / "picture.png", files / "mask.png", files / "clip.mp4"
    assert "--mask needs --image or --video" in refused("--mask", mask)
    assert "--last-frame needs --image" in refused("--last-frame", picture)
    assert "--image: there is no file" in refused("--image", files / "none.png")
    assert "not allowed with" in refused("--image", picture, "--video", clip)
    assert "invalid choice: 'dance'" in refused("--task", "dance")
    assert "strength: Input should be less than" in refused("--video", clip, "--strength", "2")
    assert "style: model 'able' has no style 'round'; it has flat" in refused("--style", "round")


def test_grpc_makes_the_same_of_kept_files(stack, client, first, fetched):
    ids = {
        name: client.files.create(file=png(pixels), purpose="vision").id
        for name, pixels in {"picture": PIXELS, "other": OTHER, "mask": RIGHT_IS_NEW}.items()
    }
    of = {name: pb.InputReference(file_id=file_id) for name, file_id in ids.items()}
    small = {"prompt": "a boat", "model": "able", "size": "128x128", "seconds": 1, "steps": 2, "seed": 7}
    asked = {
        "cinemagraph": {"input_reference": of["picture"], "mask": of["mask"], "task": "cinemagraph"},
        "interpolate": {"input_reference": of["picture"], "last_frame": of["other"]},
    }
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        rpc = VideoServiceStub(channel)
        videos = {
            name: rpc.CreateVideo(pb.CreateVideoRequest(**small, **each)).video
            for name, each in asked.items()
        }
        masked = pb.EditVideoRequest(prompt="a", video=pb.VideoSource(id=first[0].id), mask=of["mask"])
        videos["edit"] = rpc.EditVideo(masked).video
    frames = {name: fetched(video) for name, video in videos.items()}

    assert [videos[name].task for name in asked] == list(asked)
    assert apart(frames["cinemagraph"][LEFT], PIXELS[LEFT]) < CLOSE
    assert apart(frames["interpolate"][0], PIXELS) < CLOSE
    assert apart(frames["interpolate"][-1], OTHER) < CLOSE
    assert apart(frames["edit"][LEFT], first[1][LEFT]) < CLOSE
