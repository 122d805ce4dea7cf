"""Clients that know nothing of us but proto/, or not even that."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.e2e.test_stack import SMALL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
CALL = [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


def told(language):
    """The blocks of docs/grpc.md in this language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "grpc.md").read_text(), re.DOTALL)


@pytest.fixture
def outside(tmp_path):
    """A folder with the contract alone, and an environment in which nothing of ours can be imported."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    others = [
        each
        for each in Path(sys.executable).parents[1].glob("lib/python*/site-packages/*")
        if re.fullmatch(r"grpc|google|grpc_tools|typing_extensions\.py|setuptools|pkg_resources", each.name)
    ]
    (tmp_path / "packages").mkdir()
    for each in others:
        (tmp_path / "packages" / each.name).symlink_to(each)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path / 'packages'}:{tmp_path}"}
    python = [Path(sys.executable).resolve(), "-S", "-P"]

    def run(*arguments):
        done = subprocess.run(
            [*python, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_client_generated_from_the_contract_alone_creates_watches_and_downloads(outside, stack, tmp_path):
    for ours in ("service", "worker", "model"):
        found = outside("-c", f"import importlib.util as u; print(u.find_spec({ours!r}))")
        assert found == "None\n"
    generate = next(line for line in told("sh")[1].splitlines() if line.startswith("python -m"))
    arguments = generate.split()[1:-1]
    (client,) = told("python")
    (tmp_path / "client.py").write_text(client)

    outside(
        *arguments,
        *sorted(Path("proto/ciotat/v1") / p.name for p in (tmp_path / "proto/ciotat/v1").iterdir()),
    )
    seen = outside("client.py", f"127.0.0.1:{stack.grpc_port}", "boat.mp4").splitlines()

    assert seen[-1] == "VIDEO_STATUS_COMPLETED 100"
    (newest,) = httpx2.get(f"{stack.address}/v1/videos?limit=1").json()["data"]
    content = httpx2.get(f"{stack.address}/v1/videos/{newest['id']}/content").content
    assert (tmp_path / "boat.mp4").read_bytes() == content


def curl(stack, method, message, *options):
    url = f"http://127.0.0.1:{stack.grpc_port}/{method}"
    command = [*CALL, *options, "--data", json.dumps(message), url]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def test_buf_curl_needs_nothing_but_the_address(stack):
    service = "ciotat.v1.VideoService"
    made, problem = curl(stack, f"{service}/CreateVideo", SMALL)
    video_id = json.loads(made)["video"]["id"]
    watched, _ = curl(stack, f"{service}/WatchVideo", {"id": video_id})
    _, refused = curl(stack, f"{service}/GetVideo", {"id": "video_x"})
    healthy, _ = curl(stack, "grpc.health.v1.Health/Check", {"service": service})
    listed = subprocess.run(
        [*CALL, "--list-services", f"http://127.0.0.1:{stack.grpc_port}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert problem == ""
    assert watched.count("VIDEO_STATUS_COMPLETED") == 1
    error = json.loads(refused)
    assert error["code"] == "not_found"
    kinds = [detail["type"] for detail in error["details"]]
    assert kinds == ["google.rpc.ErrorInfo", "google.rpc.RequestInfo"]
    assert json.loads(healthy) == {"status": "SERVING"}
    assert service in listed.stdout.split()
