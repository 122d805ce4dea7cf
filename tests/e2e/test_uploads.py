"""Large uploads against a server of its own: what they cost, and what a refused one leaves behind."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from tests import clips
from worker.jobs import connect

pytestmark = pytest.mark.slow

PNG = clips.picture()
MEGABYTE = bytes(1 << 20)
HEAD = b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
HEAD += b'--b\r\ncontent-disposition: form-data; name="file"; filename="upload"\r\n\r\n'
KIND = {"content-type": "multipart/form-data; boundary=b"}
LIMIT = 220 << 20


@pytest.fixture(scope="module")
def server(redis_url, tmp_path_factory):
    """The API alone, as any ASGI server runs it; its address, its process and its folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with connect(redis_url) as client:
        client.flushall()  # a key that another test has left would be asked for
    data = tmp_path_factory.mktemp("data")
    scratch = data / "scratch"
    scratch.mkdir()
    settings = {"REDIS_URL": redis_url, "CIOTAT_DATA": str(data), "CIOTAT_MAX_UPLOAD_BYTES": str(LIMIT)}
    command = [sys.executable, "-m", "uvicorn", "--factory", "service.main:app", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning"], env=os.environ | settings | {"TMPDIR": str(scratch)}
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"{url}/livez")
            break
        except httpx2.ConnectError:
            time.sleep(0.05)
    yield url, process, data
    process.terminate()
    process.wait(30)


def memory(process, line):
    """Kilobytes: VmRSS as it is now, VmHWM the most it ever was."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{line}:\s+(\d+)", status)[1])


def body(size):
    """A form with a file of so many bytes: a picture and what is hidden behind it."""
    yield HEAD + PNG
    left = size - len(PNG)
    while left > 0:
        yield MEGABYTE[:left]
        left -= len(MEGABYTE)
    yield b"\r\n--b--\r\n"


def left_behind(data):
    return [path for path in data.rglob("*") if path.is_file()]


def test_an_upload_of_200_megabytes_is_not_held_in_memory(server):
    url, process, _ = server
    sent = httpx2.post(f"{url}/v1/files", content=body(len(PNG)), headers=KIND, timeout=60)
    before = memory(process, "VmHWM")

    large = httpx2.post(f"{url}/v1/files", content=body(200 << 20), headers=KIND, timeout=120)

    assert (sent.status_code, large.status_code) == (200, 200)
    assert large.json()["bytes"] == sent.json()["bytes"] < 10_000
    grown = memory(process, "VmHWM") - before
    print(f"the API process grew by {grown} kB")
    assert grown < 16_000
    assert httpx2.get(f"{url}/v1/files/{large.json()['id']}/content").status_code == 200


@pytest.mark.parametrize("beyond", [1, 5 << 20])
def test_an_upload_beyond_the_limit_is_refused_and_kept_nowhere(server, beyond):
    url, _, data = server
    before = left_behind(data)
    found = []
    watched = threading.Event()

    def watch():
        while not watched.wait(0.01):
            found.extend(path for path in left_behind(data) if path not in before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    refused = httpx2.post(f"{url}/v1/files", content=body(LIMIT + beyond), headers=KIND, timeout=120)
    watched.set()
    watcher.join()

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "media_too_large")
    assert str(LIMIT) in refused.json()["error"]["message"]
    assert found == []
    assert left_behind(data) == before


def test_others_are_answered_while_uploads_are_looked_into(server):
    """Eight pictures that take a second each, two at a time: nobody else waits for a thread."""
    url, _, _ = server
    slow = clips.picture(size=(5000, 5000))
    threads = [
        threading.Thread(
            target=lambda: httpx2.post(
                f"{url}/v1/files", files={"file": slow}, data={"purpose": "vision"}, timeout=120
            )
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    waited = []
    while any(thread.is_alive() for thread in threads):
        asked = time.monotonic()
        assert httpx2.get(f"{url}/v1/files").status_code == 200
        waited.append(time.monotonic() - asked)

    waited.sort()
    print(f"{len(waited)} lists, the slowest {waited[-1]:.3f} s, the median {waited[len(waited) // 2]:.3f} s")
    assert waited[len(waited) // 2] < 0.5
