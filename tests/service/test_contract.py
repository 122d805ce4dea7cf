"""The contract in proto/: linted, compared with the one that landed, and what our stubs are made from."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
IMAGE = ROOT / "proto" / "ciotat.binpb"
VIDEOS = Path("proto", "ciotat", "v1", "videos.proto")


def buf(*arguments, cwd=ROOT):
    return subprocess.run([BUF, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_stubs_are_current(tmp_path):
    subprocess.run([ROOT / "proto" / "stubs.sh", sys.executable, tmp_path], check=True)

    for made in tmp_path.iterdir():
        assert made.read_text() == (ROOT / "service" / "pb" / made.name).read_text(), "run make proto"


def test_the_landed_contract_is_current(tmp_path):
    made = buf("build", "--output", str(tmp_path / "made.binpb"))

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "made.binpb").read_bytes() == IMAGE.read_bytes(), "run make proto"


@pytest.fixture
def contract(tmp_path):
    """A copy of the contract to be changed, and what `make check` says of it."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copy(ROOT / "buf.yaml", tmp_path)

    def change(old, new):
        source = (tmp_path / VIDEOS).read_text()
        assert old in source
        (tmp_path / VIDEOS).write_text(source.replace(old, new))
        checks = [("lint",), ("breaking", "--against", str(IMAGE))]
        return [line for each in checks for line in buf(*each, cwd=tmp_path).stdout.splitlines()]

    return change


def test_the_contract_is_clean_and_may_grow(contract):
    assert contract("int64 seed = 14;", "int64 seed = 14;\n  optional string note = 900;") == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("int64 seed = 14;", "string seed = 14;", 'Field "14"'),
        ("string size = 10;", "", 'Previously present field "10"'),
        ("VIDEO_STATUS_FAILED = 4;", "", 'enum value "4"'),
        ("returns (stream WatchVideoResponse)", "returns (WatchVideoResponse)", "server streaming"),
        ("VIDEO_STATUS_UNSPECIFIED = 0;", "VIDEO_STATUS_NONE = 0;", "_UNSPECIFIED"),
    ],
)
def test_a_change_that_breaks_clients_or_customs_is_told(contract, old, new, complaint):
    (first, *_) = contract(old, new)

    assert complaint in first
