"""The lines of curl in docs/api.md ask for the tasks that stand behind them."""

import json
import re
import shlex
from pathlib import Path

import pytest

from model.tasks import Task
from tests import clips

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
LINES = re.findall(r"^curl -s \$V(\S*) (.*?) +# (\w+)$", DOCS, re.MULTILINE)
SIZE = (64, 48)
FILES = {
    "photo.jpg": clips.picture("JPEG", SIZE),
    "mask.png": clips.picture("PNG", SIZE),
    "clip.mp4": clips.clip(),
}


@pytest.fixture
def able(checkpoints):
    """A checkpoint that does everything."""
    (checkpoints / "ciotat-1" / "model_index.json").write_text(json.dumps({"tasks": list(Task)}))
    (checkpoints / "ciotat-1" / "styles" / "flat").mkdir(parents=True)
    (checkpoints / "ciotat-1" / "styles" / "flat" / "config.json").touch()


@pytest.mark.parametrize(("path", "form", "task"), LINES)
def test_a_line_of_the_documentation_asks_for_its_task(able, http, finished, path, form, task):
    options = shlex.split(form)
    pairs = [option.split("=", 1) for option in options[1::2]]

    reply = http.post(
        "/v1/videos" + path.replace("VIDEO_ID", finished),
        files=[(name, FILES[value[1:]] if value.startswith("@") else (None, value)) for name, value in pairs],
    )

    assert set(options[::2]) == {"-F"}
    assert (reply.status_code, reply.json().get("task")) == (200, task), reply.text


def test_every_task_has_a_line():
    assert {task for _, _, task in LINES} == set(Task)
