"""Tasks as nobody should ask for them: good fields and inputs beside bad ones, in every combination."""

import base64
import random
from functools import cache

import pytest
from google.protobuf.json_format import ParseDict, ParseError

from model.tasks import Task
from service.pb import videos_pb2 as pb
from tests import clips
from tests.abuse.conftest import TIMES
from tests.abuse.words import NUMBERS, WORDS

pytestmark = pytest.mark.slow

SIZES = [
    "512x512",
    "1280x720",
    "720x1280",
    "1024x1024",
    "720x720",
    "1280x721",
    "0x0",
    "99999x1",
    "512X512",
    "-1x-1",
]
SECONDS = [1, 5, 6, 19, 20, 21, "20", "020", "20.0", 20.5, 1e3]
SHARES = [0, 1, 0.5, "0.5", -0.1, 1.000001, 2, 5e-324, "NaN", "inf", True]
FIELDS = {
    "task": [*Task, "remix", "", "TEXT_TO_VIDEO"],
    "seconds": SECONDS,
    "size": SIZES,
    "strength": SHARES,
    "loop": [True, False, "true", "yes", 1, 2, -1],
    "style": ["flat", "line", "", "../flat", "flat\0", "a" * 65, "."],
    "style_alpha": SHARES,
}
INPUTS = ["input_reference", "mask", "last_frame"]


@cache
def media() -> list[bytes]:
    """Pictures and clips that are good, of two sizes, so that some fit to each other and some do not."""
    return [
        clips.picture(size=(16, 12)), clips.picture(size=(32, 32)), clips.photograph(6, (16, 12)),
        clips.clip(frames=4, size=(32, 32)), clips.clip(frames=4, size=(16, 12)), b"GIF89a",
    ]  # fmt: skip


def asked(choice):
    """Some fields and inputs; one field in six is none of those that there may be."""
    given = {"prompt": "a boat"}
    for name in choice.sample(list(FIELDS), choice.randrange(5)):
        wild = choice.random() < 1 / 6
        given[name] = choice.choice([*NUMBERS, *WORDS, None, [], {}] if wild else FIELDS[name])
    inputs = {
        name: choice.choice(media()) for name in choice.sample(INPUTS, choice.choice([0, 0, 1, 1, 2, 3]))
    }
    return given, inputs


def as_urls(choice, inputs):
    """In JSON: each as a data URL, or as what is no reference."""
    none = [{"file_id": "file_x"}, {"image_url": ""}, {}, [], None, 1]
    urls = {name: f"data:;base64,{base64.b64encode(content).decode()}" for name, content in inputs.items()}
    return {
        name: {"image_url": url} if choice.random() < 0.8 else choice.choice(none)
        for name, url in urls.items()
    }


def test_tasks_over_json(target):
    choice = random.Random(11)
    for _ in range(20 * TIMES):
        given, inputs = asked(choice)
        body = given | as_urls(choice, inputs)
        target.ask(f"task: {given!a} {list(inputs)}", "POST", "/v1/videos", taken=True, json=body)


def test_tasks_in_forms(target):
    choice = random.Random(12)
    for _ in range(12 * TIMES):
        given, inputs = asked(choice)
        data = {name: str(value) for name, value in given.items()}
        files = {name: (f"{name}.png", content) for name, content in inputs.items()}
        what = f"task form: {given!a} {list(files)}"
        target.ask(what, "POST", "/v1/videos", taken=True, data=data, files=files or None)


def test_edits_and_extensions_with_masks(target):
    choice = random.Random(13)
    for _ in range(8 * TIMES):
        given, inputs = asked(choice)
        way = choice.choice(["edits", "extensions"])
        files = {
            name: (name, content) for name, content in {"video": choice.choice(media()), **inputs}.items()
        }
        data = {name: str(value) for name, value in given.items() if choice.random() < 0.6}
        target.ask(
            f"{way}: {data!a} {list(files)}", "POST", f"/v1/videos/{way}", taken=True, data=data, files=files
        )


def test_tasks_over_grpc(target):
    choice = random.Random(14)
    for _ in range(12 * TIMES):
        given, inputs = asked(choice)
        message = pb.CreateVideoRequest(prompt="a boat")
        for name, value in given.items():
            try:
                ParseDict({name: value}, message)
            except (ParseError, UnicodeEncodeError):
                continue  # not a value of that type at all
        for name, reference in as_urls(choice, inputs).items():
            if isinstance(reference, dict) and reference:
                ParseDict(reference, getattr(message, name))
        target.call(f"task: {given!a} {list(inputs)}", "CreateVideo", message, taken=True)


def test_what_fits_is_taken_all_the_same(target):
    """Of all of it something is good: else nothing behind the first check was tried."""
    good = {"prompt": "a boat", "seconds": 20, "size": "512x512", "style": "flat", "style_alpha": 0.5}
    made = target.http.post("/v1/videos", json=good)

    assert made.status_code == 200, made.text
    assert target.http.delete(f"/v1/videos/{made.json()['id']}").status_code == 200
    picture, clip = media()[1], media()[3]
    files = {"input_reference": ("a.mp4", clip), "mask": ("a.png", picture)}
    made = target.http.post("/v1/videos", data={"prompt": "a boat", "size": "1280x720"}, files=files)
    assert made.status_code == 200, made.text
    assert made.json()["task"] == "inpaint"
    assert target.http.delete(f"/v1/videos/{made.json()['id']}").status_code == 200
