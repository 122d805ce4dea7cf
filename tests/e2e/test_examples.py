"""The examples of docs/api.md, run as they are against a stack with keys."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.clips import picture
from tests.e2e.test_clients import HERE, INSTALLED
from tests.e2e.test_keys import made
from tests.service.webhooks.receiver import receiving

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
LANGUAGES = (".sh", ".py", ".mjs", "_grpc.py")


def test_every_example_is_in_the_document():
    told = re.findall(r"\]\(examples/([^)]+)\)", (ROOT / "docs" / "api.md").read_text())

    assert sorted(told) == sorted(each.name for each in EXAMPLES.iterdir())


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """The package that docs/grpc.md tells how to make."""
    folder = tmp_path_factory.mktemp("stubs")
    protos = sorted(str(each.relative_to(ROOT)) for each in (ROOT / "proto").rglob("*.proto"))
    into = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", *into, *protos]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def reader(keyed):
    """The key of who reads the examples, and an HTTP client that has it."""
    key = made(keyed.data, "reader")
    with httpx2.Client(base_url=keyed.address, headers={"authorization": f"Bearer {key}"}) as http:
        http.key = key
        yield http


@pytest.fixture
def started(keyed, reader, stubs, tmp_path):
    """Starts an example in a folder of its own, where there is a picture and the `ciotat` command."""
    (tmp_path / "boat.png").write_bytes(picture())
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    command = tmp_path / "bin" / "ciotat"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m service.cli "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "CIOTAT_SERVER": keyed.address,
        "CIOTAT_GRPC": keyed.grpc,
        "CIOTAT_API_KEY": reader.key,
        "CIOTAT_DATA": str(keyed.data),
        "WEBHOOK_URL": "http://{}:{}/in".format(*keyed.receiver),
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(stubs),
    }

    @contextmanager
    def start(name):
        if name.endswith(".mjs") and shutil.which("node") is None:
            pytest.skip(f"NO NODE ON THIS MACHINE: {name} is not tested")
        shutil.copy(EXAMPLES / name, tmp_path)
        python = sys.executable if name.endswith("_grpc.py") else INSTALLED / "openai-3" / "bin" / "python"
        program = {".sh": "sh", ".mjs": "node", ".py": python}[Path(name).suffix]
        process = subprocess.Popen(
            [program, name], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        with process:
            try:
                yield process
            finally:
                process.terminate()

    return start


@pytest.fixture
def said(started):
    """The lines that an example prints."""

    def run(name):
        with started(name) as process:
            lines = process.stdout.read().splitlines()
            assert process.wait(10) == 0, lines
        return lines

    return run


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_to_video(said, reader, tmp_path, language):
    (line,) = said(f"text_to_video{language}")

    video_id, status = line.split()
    assert status.lower().endswith("completed")
    assert (tmp_path / "boat.mp4").read_bytes() == reader.get(f"/v1/videos/{video_id}/content").content


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_events(said, language):
    lines = [line.lower().removeprefix("video_status_").split() for line in said(f"events{language}")]

    # a stream over gRPC begins with the video as it is by then
    assert lines[0][0] in ("queued", "in_progress")
    assert lines[-1][0] == "completed"
    progress = [int(*told) for status, *told in lines if status == "in_progress" and told]
    assert len(progress) > 3
    assert progress == sorted(progress)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_files(said, reader, tmp_path, language):
    kept, *found = said(f"files{language}")

    file_id, size = kept.split()
    assert (size, found) == ("40x30", [file_id])
    with Image.open(tmp_path / "kept.png") as fetched:
        assert (fetched.format, fetched.size) == ("PNG", (40, 30))
    assert reader.get(f"/v1/files/{file_id}").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_keys(said, language):
    good, bad = said(f"keys{language}")

    if language == ".sh":
        assert (good, bad) == ("200", "401")
    else:
        assert good == "welcome"
        assert re.fullmatch(r"(invalid_api_key|UNAUTHENTICATED) req_\w+", bad)


@pytest.mark.slow
def test_webhooks_are_set_up_and_tried_out_with_curl(said, keyed):
    with receiving(port=keyed.receiver[1]) as receiver:
        secret, status = said("webhooks.sh")

    assert secret.startswith("whsec_")
    assert status == "204"
    assert json.loads(receiver.received[0].body)["type"] == "video.completed"


@pytest.mark.slow
@pytest.mark.parametrize("language", [".py", ".mjs"])
def test_webhooks_are_received_and_believed_when_they_are_signed(started, reader, keyed, language):
    with started(f"webhooks{language}") as process:
        endpoint = process.stdout.readline().strip()
        small = {"prompt": "a boat", "size": "128x128", "seconds": 1, "steps": 1}
        video_id = reader.post("/v1/videos", json=small).json()["id"]
        assert process.stdout.readline().split() == ["video.completed", video_id]
        forged = httpx2.post(
            "http://{}:{}/in".format(*keyed.receiver),
            json={"type": "video.completed", "data": {"id": video_id}},
            headers={"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
        )

    assert forged.status_code == 400
    assert reader.delete(f"/v1/webhook_endpoints/{endpoint}").status_code == 200
