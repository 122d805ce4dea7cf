"""How long a video may be: by its task, by its checkpoint at its size, and by whether it loops."""

import json

import pytest

from model.catalog import INDEX, Limits
from model.spec import VideoSpec
from model.tasks import LONGEST, Task
from service.errors import InvalidField
from service.videos.asked import check_length

ALL = Limits(seconds=LONGEST, megapixels=336)


@pytest.fixture
def able(checkpoints):
    """The model does every task, twelve seconds of at most 100 megapixels."""
    index = json.dumps({"tasks": list(Task), "limits": {"seconds": 12, "megapixels": 100}})
    (checkpoints / "ciotat-1" / INDEX).write_text(index)


@pytest.mark.parametrize(
    ("asked", "can", "field", "says"),
    [
        ({"seconds": 20}, Limits(), "seconds", "model 'ciotat-1' makes 1 to 5 at 512x512"),
        (
            {"seconds": 8, "size": "1280x720"},
            Limits(seconds=20, megapixels=100),
            "seconds",
            "1 to 6 at 1280x720",
        ),
        ({"seconds": 1, "size": "1024x1024"}, Limits(megapixels=10), "size", "no video of 1024x1024"),
        ({"seconds": 6, "loop": True}, ALL, "loop", "1 to 5 seconds"),
        *(
            ({"seconds": 6, "task": task}, ALL, "seconds", f"{task} makes 1 to 5")
            for task in ("inpaint", "cinemagraph", "interpolate", "video_to_video", "stylize")
        ),
    ],
)
def test_what_is_too_long_is_refused_by_field_and_limit(asked, can, field, says):
    with pytest.raises(InvalidField, match=says) as refused:
        check_length(VideoSpec(prompt="a", **asked), can)

    assert refused.value.field == field


@pytest.mark.parametrize("task", ["text_to_video", "image_to_video", "extend"])
@pytest.mark.parametrize("size", ["128x128", "1024x1024", "720x1280"])
def test_twenty_seconds_are_made_where_the_checkpoint_says_so(task, size):
    check_length(VideoSpec(prompt="a", seconds=20, task=task, size=size), ALL)


def test_a_long_video_is_queued_and_costs_what_its_frames_cost(able, http, queue):
    short, long = (http.post("/v1/videos", json={"prompt": "a", "seconds": each}) for each in (3, 12))

    assert (short.status_code, long.status_code) == (200, 200)
    assert (long.json()["frames"], long.json()["seconds"]) == (192, "12")
    assert len(queue) == 2


def test_a_model_tells_how_long_its_videos_may_be(able, http):
    told = {model["id"]: model["limits"] for model in http.get("/v1/models").json()["data"]}

    assert told["ciotat-1"]["seconds"] == {"least": 1, "most": 12}
    assert told["ciotat-1"]["frames"] == {"least": 16, "most": 192}
    assert told["other"]["seconds"] == {"least": 1, "most": 5}


def test_a_remix_of_a_long_video_is_as_long_as_its_task_allows(able, http, finish, jobs):
    video = http.post("/v1/videos", json={"prompt": "a", "seconds": 12}).json()["id"]
    finish(video)

    remix = http.post(f"/v1/videos/{video}/remix", json={"prompt": "b"})

    assert (remix.status_code, jobs.get(remix.json()["id"]).spec.seconds) == (200, 5)
