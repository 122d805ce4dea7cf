"""Keys as an operator makes them and a client uses them, on a real stack, running or not."""

import os
import re
import subprocess
import sys

import grpc
import httpx2
import pytest

from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from tests.e2e.conftest import running
from tests.e2e.test_stack import ciotat
from tests.service.test_refusals import own_address

pytestmark = pytest.mark.slow

VIDEO = ("a boat", "--size=128x128", "--seconds=1", "--steps=2")


def made(data, tenant, *limits):
    """A new key, by the command."""
    done = ciotat("keys", "create", "--tenant", tenant, "--data", data, *limits)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"ciotat_[0-9a-f]{64}\n", done.stdout)
    return done.stdout.strip()


def status(address, key=None):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.get(f"{address}/v1/videos", headers=headers).status_code


def test_keys_of_a_running_stack_are_made_used_and_revoked(checkpoints, tmp_path):
    with running(checkpoints, tmp_path) as stack:
        assert status(stack.address) == 200
        key = made(tmp_path, "a", "--cost-a-day", 1)
        assert (status(stack.address), status(stack.address, key)) == (401, 200)
        with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
            listing = VideoServiceStub(channel).ListVideos
            with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
                listing(pb.ListVideosRequest())
            assert (
                len(listing(pb.ListVideosRequest(), metadata=[("authorization", f"Bearer {key}")]).data) == 0
            )

        asked = {"CIOTAT_SERVER": stack.address}
        without = ciotat("generate", *VIDEO, "-o", tmp_path / "a.mp4", **asked)
        generated = ciotat("generate", *VIDEO, "-o", tmp_path / "a.mp4", **asked, CIOTAT_API_KEY=key)
        assert (without.returncode, generated.returncode) == (1, 0), generated.stderr
        assert "Bearer ciotat_..." in without.stderr
        more = ciotat("generate", *VIDEO, "-o", tmp_path / "b.mp4", **asked, CIOTAT_API_KEY=key)
        assert (more.returncode, more.stdout) == (1, "")
        assert "tenant 'a' may use 1 a day (UTC) and has used 1" in more.stderr

        (line,) = ciotat("keys", "list", "--data", tmp_path).stdout.splitlines()
        key_id, tenant, _, state = line.split("\t")
        assert (tenant, state) == ("a", "good")
        assert key not in line
        revoked = ciotat("keys", "revoke", key_id, "--data", tmp_path)
        assert (revoked.returncode, status(stack.address, key)) == (0, 401)


def test_keys_of_a_stack_that_is_down_are_made_and_let_it_listen_elsewhere(checkpoints, tmp_path):
    everywhere = ("--host", "0.0.0.0")
    refused = ciotat("up", *everywhere, "--port=0", "--grpc-port=0", "--data", tmp_path)
    key = made(tmp_path, "a")
    limits = ciotat("tenants", "set", "a", "--jobs", 3, "--data", tmp_path)

    with running(checkpoints, tmp_path, *everywhere) as stack:
        address = stack.address.replace("0.0.0.0", "127.0.0.1")
        assert (status(address), status(address, key)) == (401, 200)

    assert refused.returncode == 1
    assert "ciotat keys create" in refused.stderr
    assert "jobs\t3\n" in limits.stdout


def test_a_server_of_another_kind_on_all_interfaces_answers_this_machine_alone(tmp_path, redis, redis_url):
    """`uvicorn --factory service.main:app` cannot be told not to listen; what comes from outside is refused."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "service.main:app", "--host=0.0.0.0", "--port=0"]
    environment = os.environ | {"REDIS_URL": redis_url, "CIOTAT_DATA": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            port = next(
                found[1] for line in server.stderr if (found := re.search(r"running on \S+:(\d+)", line))
            )
            inside, outside = (
                httpx2.get(f"http://{host}:{port}/v1/videos", headers={"host": "localhost"})
                for host in ("127.0.0.1", own_address())
            )
        finally:
            server.terminate()

    assert (inside.status_code, outside.status_code) == (200, 403)
    assert "ciotat keys create" in outside.json()["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("keys", "create", "--tenant", "A b"), "tenant 'A b'"),
        (("keys", "create", "--tenant", "a", "--jobs", "-1"), "jobs: at least 0"),
        (("tenants", "set", "a", "--requests-a-second", "0"), "requests_a_second: at least 1"),
        (("keys", "revoke", "key_x"), "there is no key 'key_x'"),
    ],
)
def test_what_is_wrong_with_a_command_is_told_plainly(tmp_path, arguments, problem):
    wrong = ciotat(*arguments, "--data", tmp_path)

    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert problem in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_keys_are_those_of_a_given_redis(tmp_path, redis, redis_url):
    done = ciotat("keys", "create", "--tenant", "a", "--data", tmp_path, REDIS_URL=redis_url)
    away = ciotat("keys", "list", REDIS_URL=f"unix://{tmp_path}/nothing.sock")

    assert done.returncode == 0, done.stderr
    assert redis.hlen("ciotat:keys") == 1
    assert not (tmp_path / "valkey").exists()
    assert (away.returncode, away.stderr) == (1, "ciotat: the job store does not answer\n")
