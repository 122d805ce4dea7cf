"""What docs/api.md tells receivers to do is done here, to webhooks that arrived."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from service.webhooks.administration import EventType
from service.webhooks.endpoints import MOST_ENDPOINTS
from tests.service.webhooks.receiver import receiving
from worker.outbox import EVENTS
from worker.settings import Settings

ROOT = Path(__file__).parents[3]
NODE = ROOT / "tests" / "clients" / "node_modules"
SECTION = (ROOT / "docs" / "api.md").read_text().partition("## Webhooks")[2]


def block(language):
    return re.search(rf"```{language}\n(.*?)```", SECTION, re.S)[1]


@pytest.fixture
def arrived(subscribe, cancelled, delivering, monkeypatch):
    """A webhook, whose secret is in the environment as a receiver's would be."""
    with receiving() as receiver:
        monkeypatch.setenv("WEBHOOK_SECRET", subscribe(receiver.url).signing_secret)
        delivering()
        cancelled()
        return receiver.wait(1)[0]


def test_the_python_receiver_verifies(arrived):
    receiver = {}
    exec(block("python"), receiver)

    assert receiver["verified"](arrived.body, arrived.headers)["type"] == "video.cancelled"
    with pytest.raises(WebhookVerificationError):
        receiver["verified"](arrived.body + b" ", arrived.headers)


@pytest.mark.slow
def test_the_node_receiver_verifies(arrived, tmp_path):
    if not (NODE / "installed").exists() or shutil.which("node") is None:
        pytest.skip(
            "NO NODE CLIENTS ON THIS MACHINE (make clients): how Node verifies webhooks is not tested"
        )
    (tmp_path / "node_modules").symlink_to(NODE)
    (tmp_path / "receiver.mjs").write_text(block("js"))
    (tmp_path / "try.mjs").write_text(
        'import { verified } from "./receiver.mjs"; import { readFileSync } from "node:fs";\n'
        'const { body, headers } = JSON.parse(readFileSync(0, "utf8"));\n'
        "console.log(JSON.stringify(verified(body, headers)));\n"
    )

    def node(body):
        given = json.dumps({"body": body, "headers": arrived.headers})
        return subprocess.run(
            ["node", "try.mjs"], input=given, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    body = arrived.body.decode()
    assert json.loads(node(body).stdout) == json.loads(body)
    refused = node(body.replace("cancelled", "completed"))
    assert refused.returncode != 0
    assert "WebhookVerificationError" in refused.stderr


def test_the_numbers_are_those_of_the_code():
    waits = [float(wait) for wait in Settings().webhook_waits.split(",")]

    assert waits == [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]
    assert "at once, then 5 s, 5 min,\n30 min, 2, 5, 10, 14, 20 and 24 hours" in SECTION
    assert f"at most {MOST_ENDPOINTS} for each tenant" in SECTION
    assert (Settings().webhook_seconds, Settings().webhook_patience_seconds) == (15, 5 * 24 * 3600)
    assert list(EVENTS) == list(EventType.__args__)
    for event in EVENTS:
        assert f"`{event}`" in SECTION
