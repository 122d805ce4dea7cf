import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.worker.storage import seaweedfs

RECEIVER = "127.0.0.2"

READY = re.compile(r"ciotat: ready at (http://\S+) \(gRPC on port (\d+)\)")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A tiny real checkpoint, one that does every task, one whose weights are cut short, and one that is none."""
    from model.tasks import Task
    from tests.tiny import write_checkpoint, write_style  # loads torch, which fast tests need not

    root = tmp_path_factory.mktemp("checkpoints")
    for name in ("ciotat-1", "truncated"):
        write_checkpoint(root / name, tasks=[Task.TEXT_TO_VIDEO])
    write_checkpoint(root / "able")
    write_style(root / "able", "flat", 1)
    weights = max((root / "truncated").rglob("*.safetensors"), key=lambda path: path.stat().st_size)
    weights.write_bytes(weights.read_bytes()[:-100])
    (root / "nonsense").mkdir()
    (root / "nonsense" / "model_index.json").write_text(json.dumps({"format": "other"}))
    return root


@contextmanager
def running(checkpoints, data, *options, **environment):
    """`ciotat up` as a user runs it: a process of its own; yields it with its address."""
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "up",
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--data",
        str(data),
        *options,
    ]
    env = os.environ | {"CIOTAT_CHECKPOINTS": str(checkpoints)} | environment
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        ready = READY.fullmatch(process.stdout.readline().strip())
        assert ready, "the stack did not start"
        watchdog.cancel()
        process.address, process.grpc_port = ready.groups()
        yield process
    finally:
        watchdog.cancel()
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.fixture(scope="session")
def stack(checkpoints, tmp_path_factory):
    """One running stack for all tests that leave it alive."""
    with running(checkpoints, tmp_path_factory.mktemp("data")) as process:
        yield process


@pytest.fixture(scope="session")
def keyed(checkpoints, tmp_path_factory):
    """One running stack that asks for keys, and may call one port of this machine: `receiver`."""
    data = tmp_path_factory.mktemp("keyed")
    with socket.create_server((RECEIVER, 0)) as probe:
        port = probe.getsockname()[1]
    allowed = {
        "CIOTAT_OUTBOUND_HTTP": "true",
        "CIOTAT_OUTBOUND_NETWORKS": f"{RECEIVER}/32",
        "CIOTAT_OUTBOUND_PORTS": str(port),
    }
    with running(checkpoints, data, **allowed) as stack:
        yield SimpleNamespace(
            address=stack.address, grpc=f"127.0.0.1:{stack.grpc_port}", data=data, receiver=(RECEIVER, port)
        )


@pytest.fixture(scope="session")
def bucketed(checkpoints, tmp_path_factory):
    """One running stack that keeps its videos in a bucket, and leads there; `settings` say where that is."""
    from worker.settings import Settings

    folder = tmp_path_factory.mktemp("bucketed")
    with seaweedfs.running(folder) as server:
        place = {
            "S3_BUCKET": seaweedfs.BUCKET,
            "S3_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET,
        }
        settings = Settings(data=folder / "data", s3_bucket=seaweedfs.BUCKET, s3_endpoint_url=server.url)
        with running(checkpoints, settings.data, **place) as stack:
            yield SimpleNamespace(address=stack.address, settings=settings)
