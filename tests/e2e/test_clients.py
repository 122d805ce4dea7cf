"""The official clients, unmodified, each with a Python or a Node that has nothing else, against a running stack."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.clips import clip, picture
from tests.e2e.test_keys import made

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1] / "clients"
INSTALLED = Path(__file__).parents[2] / "var" / "clients"

CLIENTS = {
    "python-2-sync": ("2.54.0", "openai-2", "sync"),
    "python-2-async": ("2.54.0", "openai-2", "async"),
    "python-3-sync": ("3.54.0", "openai-3", "sync"),
    "python-3-async": ("3.54.0", "openai-3", "async"),
    "node-6": ("6.49.0", "node", "openai-6"),
    "node-7": ("7.57.0", "node", "openai"),
}
_LIST = re.search(r"^CHECKS = \((.*?)^\)", (HERE / "conformance.py").read_text(), re.DOTALL | re.MULTILINE)
CHECKS = re.findall(r"\w+", _LIST[1])


@pytest.fixture(scope="module")
def told(keyed, tmp_path_factory):
    """What the scripts are told."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "boat.png").write_bytes(picture())
    (folder / "boat.mp4").write_bytes(clip())
    return {
        "CIOTAT_SERVER": keyed.address,
        "SPENT_API_KEY": made(keyed.data, "spent", "--cost-a-day", 0),
        "RECEIVER": "{}:{}".format(*keyed.receiver),
        "PICTURE": str(folder / "boat.png"),
        "CLIP": str(folder / "boat.mp4"),
    }


def found(client, told, *checks):
    """What one client reports of these checks, or of all; a loud skip where there is no Node."""
    version, folder, argument = CLIENTS[client]
    program = [INSTALLED / folder / "bin" / "python", "-I", HERE / "conformance.py"]
    if folder == "node":
        if shutil.which("node") is None:
            pytest.skip("NO NODE ON THIS MACHINE: the official Node clients are not tested")
        program = ["node", HERE / "conformance.mjs"]
    assert (INSTALLED / folder).exists() or folder == "node", "`make clients` installs the official clients"
    done = subprocess.run(
        [*program, argument, *checks],
        env=os.environ | told,
        stdout=subprocess.PIPE,
        text=True,
        timeout=200,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["version"] == version
    assert list(report["checks"]) == list(checks or CHECKS)
    return report["checks"]


@pytest.fixture(scope="module", params=CLIENTS)
def report(request, keyed, told):
    """What one client found, for a tenant of its own."""
    return found(request.param, told | {"CIOTAT_API_KEY": made(keyed.data, request.param)})


@pytest.mark.parametrize("check", CHECKS)
def test_the_official_clients_can(report, check):
    if report[check]:
        pytest.fail(report[check], pytrace=False)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_official_clients_follow_to_a_bucket(bucketed, told, client):
    server = {"CIOTAT_SERVER": bucketed.address, "CIOTAT_API_KEY": "unused"}
    checks = found(client, told | server, "content_of_all_variants", "content_in_ranges")

    assert set(checks.values()) == {None}
    newest = httpx2.get(f"{bucketed.address}/v1/videos?limit=1").json()["first_id"]
    assert httpx2.get(f"{bucketed.address}/v1/videos/{newest}/content").status_code == 302
