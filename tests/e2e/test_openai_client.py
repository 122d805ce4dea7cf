import io
import re
import time

import av
import openai
import pytest
from openai.types import Video
from PIL import Image

pytestmark = pytest.mark.slow

SMALL = {"size": "128x128", "seconds": "1", "extra_body": {"steps": 2, "seed": 7}}


@pytest.fixture(scope="module")
def client(stack):
    with openai.OpenAI(base_url=f"{stack.address}/v1", api_key="unused") as client:
        yield client


def test_create_poll_and_download(client, tmp_path):
    video = client.videos.create_and_poll(prompt="a red balloon rising", model="ciotat-1", **SMALL)

    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.size, video.seconds, video.prompt) == ("128x128", "1", "a red balloon rising")
    client.videos.download_content(video.id).write_to_file(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as opened:
        stream = opened.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (128, 128, 16)
        assert sum(1 for _ in opened.decode(stream)) == 16


def test_the_same_seed_makes_the_same_bytes(client):
    same = [client.videos.create_and_poll(prompt="a boat", **SMALL) for _ in range(2)]
    other = client.videos.create_and_poll(prompt="a boat", **SMALL | {"extra_body": {"steps": 2, "seed": 8}})

    first, second, third = (client.videos.download_content(video.id).content for video in [*same, other])
    assert first == second != third


def test_progress_comes_from_the_denoising_steps(client):
    video = client.videos.create(prompt="a boat", **SMALL | {"extra_body": {"steps": 25}})
    seen = [video.progress]
    while video.status in ("queued", "in_progress"):
        video = client.videos.retrieve(video.id)
        seen.append(video.progress)

    assert video.status == "completed"
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_the_pictures_of_a_video_can_be_downloaded(client):
    video = client.videos.create_and_poll(prompt="a boat", **SMALL)

    for variant, form, size in (("thumbnail", "WEBP", (128, 128)), ("spritesheet", "JPEG", (512, 512))):
        downloaded = client.videos.download_content(video.id, variant=variant)

        assert downloaded.response.headers["content-type"] == f"image/{form.lower()}"
        with Image.open(io.BytesIO(downloaded.content)) as picture:
            assert (picture.format, picture.size) == (form, size)


def test_all_videos_are_listed_page_by_page_and_may_be_deleted_while_reading(client):
    made = [client.videos.create_and_poll(prompt=f"boat {each}", **SMALL).id for each in range(3)]

    listed = [video.id for video in client.videos.list(limit=2, order="asc")]
    assert listed[-3:] == made
    assert [video.id for video in client.videos.list(limit=2)] == listed[::-1]
    for video in client.videos.list(limit=2):
        if video.id in made:
            deleted = client.videos.delete(video.id)
            assert (deleted.id, deleted.object, deleted.deleted) == (video.id, "video.deleted", True)

    assert [video.id for video in client.videos.list(order="asc")] == listed[:-3]
    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(made[0])
    with pytest.raises(openai.BadRequestError, match="video_x") as refused:
        client.videos.list(after="video_x")
    assert refused.value.param == "after"


def test_a_cancelled_video_stops_and_the_worker_lives_on(client):
    video = client.videos.create(prompt="a boat", **SMALL | {"extra_body": {"steps": 100}})
    while client.videos.retrieve(video.id).progress == 0:
        time.sleep(0.02)

    cancelled = client.post(f"/videos/{video.id}/cancel", cast_to=Video)
    next_one = client.videos.create_and_poll(prompt="a boat", **SMALL)

    assert cancelled.status == "cancelled"
    assert cancelled.progress < 99
    assert next_one.status == "completed"
    after = client.videos.retrieve(video.id)
    assert (after.status, after.progress) == ("cancelled", cancelled.progress)
    assert client.videos.poll(video.id).status == "cancelled"
    with pytest.raises(openai.ConflictError, match="cancelled"):
        client.videos.download_content(video.id)
    with pytest.raises(openai.ConflictError, match="completed"):
        client.post(f"/videos/{next_one.id}/cancel", cast_to=Video)


def test_a_running_video_can_be_deleted(client):
    video = client.videos.create(prompt="a boat", **SMALL | {"extra_body": {"steps": 100}})
    while client.videos.retrieve(video.id).progress == 0:
        time.sleep(0.02)

    client.videos.delete(video.id)
    next_one = client.videos.create_and_poll(prompt="a boat", **SMALL)

    assert next_one.status == "completed"
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


@pytest.mark.parametrize("model", ["truncated", "nonsense"])
def test_a_broken_checkpoint_fails_the_job_and_the_worker_lives_on(client, model):
    broken = client.videos.create_and_poll(prompt="a boat", model=model, **SMALL)
    sound = client.videos.create_and_poll(prompt="a boat", **SMALL)

    assert (broken.status, broken.error.code) == ("failed", "invalid_checkpoint")
    assert re.match(rf"{model}/\S+\.(safetensors|json)", broken.error.message)
    assert sound.status == "completed"
    with pytest.raises(openai.ConflictError, match=model):
        client.videos.download_content(broken.id)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"size": "640x480"}, "size"),
        ({"seconds": "0"}, "seconds"),
        ({"seconds": "soon"}, "seconds"),
        ({"model": "sora-2"}, "model"),
        ({"extra_body": {"steps": 10**9}}, "steps"),
        ({"extra_body": {"guidance_scale": "much"}}, "guidance_scale"),
        ({"extra_body": {"loras": ["x"]}}, "loras"),
        ({"extra_body": {"input_reference": {"image_url": "http://x"}}}, "input_reference"),
        ({"input_reference": b"\x89PNG"}, "input_reference"),
        ({"extra_headers": {"Content-Type": "application/json"}, "extra_body": {"steps": []}}, "steps"),
    ],
)
def test_the_client_is_told_which_field_is_bad(client, fields, param):
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(**{"prompt": "a boat"} | fields)

    assert refused.value.param == param
    assert param in refused.value.message
    assert refused.value.request_id.startswith("req_")


def test_the_client_is_told_that_a_video_does_not_exist(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client.videos.retrieve("video_x")

    assert refused.value.code == "video_not_found"


def test_the_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["ciotat-1", "nonsense", "truncated"]
