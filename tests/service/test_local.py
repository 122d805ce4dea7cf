import os
import signal
import subprocess
import sys
import time

import pytest

from model.spec import VideoSpec
from service.processes.local import StackError, leashed, locked, valkey
from worker.jobs import JobStore, connect

WITHOUT_PRCTL = (
    "import service.processes.leash as l, sys; l._die_with_parent = lambda: None; sys.exit(l.main())"
)

OWNER = """
import os, sys, time
from pathlib import Path
import service.processes.local
{patch}
with service.processes.local.{block} as got:
    print(getattr(got, "url", None) or got.pid, flush=True)
    sys.stdin.read()
"""


def alive(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def children(pid):
    """All descendants of a process."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    direct = [child for child, parent in pairs if parent == pid]
    return direct + [below for child in direct for below in children(child)]


def gone(pids, within):
    deadline = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def owner_of(block, patch=""):
    """A process that holds a leash, and everything below it once that has started."""
    script = OWNER.format(block=block, patch=patch)
    owner = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    said = owner.stdout.readline().strip()
    return owner, said


def descendants(owner, at_least):
    deadline = time.monotonic() + 10
    while len(found := children(owner.pid)) < at_least and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) >= at_least
    return found


def ended(owner):
    for pipe in (owner.stdin, owner.stdout):
        pipe.close()
    return owner.wait(10)


FAMILY = "leashed(['sh', '-c', 'sleep 600 & sleep 600'], Path('/'))"
PORTABLE = f"service.processes.local.LEASH = ['-c', {WITHOUT_PRCTL!r}]"


@pytest.mark.parametrize("patch", ["", PORTABLE], ids=["linux", "without prctl"])
def test_a_whole_family_of_processes_dies_with_a_killed_owner(patch):
    owner, _ = owner_of(FAMILY, patch)
    family = descendants(owner, at_least=4)

    owner.kill()

    assert gone(family, within=5)
    ended(owner)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a command to a killed leash")
def test_a_command_dies_with_a_killed_leash():
    owner, leash = owner_of("leashed(['sleep', '600'], Path('/'))")
    family = descendants(owner, at_least=2)

    os.kill(int(leash), signal.SIGKILL)

    assert gone(family, within=5)
    ended(owner)


def test_a_command_that_will_not_end_is_made_to(monkeypatch, tmp_path):
    monkeypatch.setattr("service.processes.local.GRACE_SECONDS", 0.3)
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    read, write = os.pipe()
    with os.fdopen(read) as lines:
        with leashed([sys.executable, "-c", stubborn], tmp_path, stdout=write) as process:
            os.close(write)
            assert lines.readline() == "up\n"
            began = time.monotonic()

        assert time.monotonic() - began < 5
        assert process.returncode is not None
        assert lines.read() == ""  # nobody holds the pipe any more


def test_valkey_dies_with_a_killed_owner_and_loses_nothing(tmp_path):
    owner, url = owner_of(f"valkey(Path({str(tmp_path)!r}))")
    with connect(url) as client:
        job = JobStore(client).create(VideoSpec(prompt="a paper boat"))
    family = descendants(owner, at_least=2)

    owner.kill()

    assert gone(family, within=5)
    ended(owner)
    with valkey(tmp_path) as again, connect(again.url) as client:
        assert JobStore(client).get(job.id) == job


def test_valkey_ends_with_its_block(tmp_path):
    with valkey(tmp_path) as server:
        pids = children(server.process.pid)
        assert connect(server.url).ping()

    assert gone(pids, within=1)
    assert not os.path.exists(server.url.removeprefix("unix://"))


def test_a_folder_belongs_to_one_stack(tmp_path):
    with locked(tmp_path), pytest.raises(StackError, match=str(tmp_path)), locked(tmp_path):
        pass


def test_a_valkey_that_cannot_start_says_where_to_look(tmp_path):
    (tmp_path / "appendonlydir").write_text("not a folder")

    with pytest.raises(StackError, match=r"valkey\.log"), valkey(tmp_path):
        pass
