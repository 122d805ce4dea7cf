"""A real S3 server: SeaweedFS."""

import json
import random
import socket
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from service.processes.local import leashed
from tests.service.test_local import children

BUCKET = "videos"
ACCESS, SECRET = "AKIATEST", "secretsecret1234"
SERVERS = ("s3", "master", "volume", "filer", "admin")
OFF = [
    "-master.telemetry=false",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
]


class S3Server(NamedTuple):
    """Where it answers, and the process that does."""

    url: str
    pid: int


@contextmanager
def running(root):
    """SeaweedFS with one bucket and one user; it ends with this block, or with this process."""
    user = {"accessKey": ACCESS, "secretKey": SECRET}
    identity = {"name": "ciotat", "credentials": [user], "actions": ["Admin", "Read", "Write", "List"]}
    (root / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (root / "data").mkdir()
    first = _free_ports(len(SERVERS))
    ports = [f"-{name}.port={first + offset}" for offset, name in enumerate(SERVERS)]
    places = [
        f"-dir={root / 'data'}",
        f"-s3.config={root / 's3.json'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
    ]
    weed = str(Path(sys.executable).with_name("weed"))
    command = [weed, "-logtostderr=true", "mini", *places, *ports, f"-bucket={BUCKET}", *OFF]
    with (root / "log").open("wb") as log, leashed(command, root, stdout=log, stderr=log) as leash:
        url = f"http://127.0.0.1:{first}"
        _await_bucket(url, leash)
        yield S3Server(url, children(leash.pid)[0])


def _free_ports(number):
    """The first of so many below the ports of outgoing connections; each has one for gRPC 10,000 above it."""
    for _ in range(100):
        first = random.randrange(12_000, 22_000)
        with suppress(OSError):
            for port in range(first, first + number):
                for each in (port, port + 10_000):
                    socket.create_server(("127.0.0.1", each)).close()
            return first
    raise RuntimeError("no free ports")


def _await_bucket(url, leash):
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=ACCESS,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and leash.poll() is None:
        with suppress(BotoCoreError, ClientError):
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"1")
            return
        time.sleep(0.1)
    raise RuntimeError("SeaweedFS did not start")
