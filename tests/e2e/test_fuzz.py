"""Calls made up from the OpenAPI document, each answer held against the document; `make fuzz` does it for longer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.access.keys import Keys
from service.processes.local import valkey
from tests.e2e.apart import Instant, serving
from worker.jobs import connect

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = int(os.environ.get("FUZZ_SECONDS", "0"))  # 0: so many cases as are the same on every machine
EXTENT = [f"--max-time={SECONDS}", "--max-examples=100000"] if SECONDS else ["--max-examples=6"]
SEED = os.environ.get("FUZZ_SEED", "1")
GENEROUS = {
    "CIOTAT_TENANT_JOBS": "1000000",
    "CIOTAT_TENANT_COST_A_DAY": "1000000000",
    "CIOTAT_QUEUE_COST": "1000000000",
    "CIOTAT_TENANT_REQUESTS_A_SECOND": "100000",
}


@pytest.mark.timeout(SECONDS + 240)
def test_every_answer_is_one_that_the_openapi_document_tells(tmp_path):
    with valkey(tmp_path / "valkey") as store, connect(store.url) as client:
        _, key = Keys(client).create("anna")
        with Instant(store.url, tmp_path), serving(store.url, tmp_path, **GENEROUS) as api:
            ran = subprocess.run(
                [
                    Path(sys.executable).with_name("schemathesis"),
                    f"--config-file={CONFIG}",
                    "run",
                    f"{api.address}/openapi.json",
                    *EXTENT,
                    f"--seed={SEED}",
                    "--no-color",
                ],
                cwd=tmp_path,
                env=os.environ | {"CIOTAT_API_KEY": key},
                capture_output=True,
                text=True,
                check=False,
            )

    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr
    print(ran.stdout[ran.stdout.rindex("SUMMARY") :])
