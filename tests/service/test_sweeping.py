"""`ciotat sweep`, and the rounds of an API process."""

import os
import time

import pytest

from model.spec import VideoSpec
from service.cli import main
from service.main import build
from service.processes.sweeping import table
from worker.jobs import JobStore, key
from worker.settings import Settings
from worker.storage import LocalStorage
from worker.tally import Tally
from worker.variants import video_key


@pytest.fixture
def data(redis_url, redis, tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("CIOTAT_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def expired(redis, data):
    """A finished video that was to be downloaded until yesterday, and lies there since the day before."""
    storage, jobs = LocalStorage(data / "videos"), JobStore(redis, video_seconds=3600)
    job = jobs.create(VideoSpec(prompt="a paper boat"))
    assert jobs.claim_next().id == job.id
    (data / "source").write_bytes(b"12345")
    stored = video_key(job.id, 1)
    storage.put(stored, data / "source", "video/mp4")
    jobs.complete(jobs.get(job.id), stored)
    redis.hset(key(job.id), "expires_at", time.time() - 1)
    return job.id, stored


@pytest.fixture
def old(data, expired):
    """Its file."""
    path = data / "videos" / expired[1]
    os.utime(path, (time.time() - 7200, time.time() - 7200))
    return path


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_a_sweep_prints_what_it_found_and_removed(old, expired, redis, capsys):
    assert main(["sweep", "--dry-run"]) == 0
    assert ["video", "1", "1", "5"] in rows(capsys.readouterr().out)
    assert old.exists()

    assert main(["sweep"]) == 0

    told = rows(capsys.readouterr().out)
    assert told[0] == ["found", "removed", "bytes"]
    assert ["video", "1", "1", "5"] in told
    assert ["job", "record", "1", "0", "0"] in told
    assert not old.exists()
    assert redis.exists(key(expired[0]))


def test_a_sweep_that_cannot_account_for_something_says_so_and_fails(old, redis, capsys):
    redis.set("ciotat:surprise", "x")
    redis.incrby("ciotat:load", 7)

    assert main(["sweep"]) == 1

    told = capsys.readouterr()
    assert "repaired: load of the queue" in told.out
    assert told.err == "ciotat: not accounted for: the key ciotat:surprise\n"
    assert not old.exists()


def test_a_storage_can_be_adopted(old, redis, capsys):
    assert main(["sweep", "--dry-run"]) == 0
    redis.flushall()

    assert main(["sweep"]) == 1
    assert "ciotat sweep --adopt" in capsys.readouterr().err
    assert old.exists()

    assert main(["sweep", "--adopt", "--dry-run"]) == 1
    assert main(["sweep", "--adopt"]) == 0
    assert not old.exists()


def test_while_another_sweeps_the_command_says_so(data, redis, capsys):
    redis.set("ciotat:sweep", "another", ex=60)

    assert main(["sweep"]) == 1
    assert capsys.readouterr().err == "ciotat: another sweep runs at this moment\n"


def test_an_api_process_sweeps_by_itself(old, redis_url, data):
    deadline = time.monotonic() + 20
    with build(Settings(redis_url=redis_url, data=data, sweep_seconds=0.05)).upkeep():
        while old.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    assert not old.exists()


def test_the_table_has_a_line_for_each_kind():
    tally = Tally()
    tally.count("video", removed=True, size=5)
    tally.count("video", removed=False, size=7)
    tally.repair("load of the queue")

    assert rows(table(tally)) == [
        ["found", "removed", "bytes"],
        ["video", "2", "1", "5"],
        ["repaired:", "load", "of", "the", "queue", "1"],
    ]
    assert "to remove" in table(tally, dry=True)
    assert "to repair" in table(tally, dry=True)
