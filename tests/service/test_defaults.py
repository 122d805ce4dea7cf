"""Where a request does not say how a video is sampled, its checkpoint's index does."""

import json

import pytest


@pytest.fixture
def distilled(checkpoints):
    index = {"defaults": {"steps": 8, "guidance_scale": 1.0}}
    (checkpoints / "ciotat-1" / "model_index.json").write_text(json.dumps(index))


@pytest.mark.usefixtures("distilled")
@pytest.mark.parametrize(
    ("asked", "steps", "guidance"),
    [
        ({}, 8, 1.0),
        ({"steps": 20}, 20, 1.0),
        ({"steps": "12", "guidance_scale": "2.5"}, 12, 2.5),
    ],
)
def test_what_is_not_asked_for_is_the_checkpoints_own(http, asked, steps, guidance):
    made = http.post("/v1/videos", json={"prompt": "a boat"} | asked).json()

    assert (made["steps"], made["guidance_scale"]) == (steps, guidance)


@pytest.mark.usefixtures("distilled")
def test_a_repeated_creation_is_the_same_whatever_the_checkpoint_has_come_to_say(http, checkpoints):
    def create():
        return http.post("/v1/videos", json={"prompt": "a boat"}, headers={"idempotency-key": "k"}).json()

    first = create()
    (checkpoints / "ciotat-1" / "model_index.json").write_text("{}")

    assert create() == first
    assert first["steps"] == 8
