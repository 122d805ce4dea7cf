"""What the official client sees of a worker at work; all that it can ask for is in tests/clients."""

import re
import time

import av
import openai
import pytest
from openai.types import Video

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


def test_progress_comes_from_the_denoising_steps(client):
    video = client.videos.create(prompt="a boat", **SMALL | {"extra_body": {"steps": 25}})
    seen = [video.progress]
    while video.status in ("queued", "in_progress"):
        video = client.videos.retrieve(video.id)
        seen.append(video.progress)

    assert video.status == "completed"
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


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
