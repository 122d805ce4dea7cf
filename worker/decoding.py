"""Foreign pictures and clips are decoded in a process apart, which has nothing of ours and ends in time."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

OUT_OF_TIME = (-24, -9)  # SIGXCPU, and what follows it


class TookTooLong(Exception):
    """The processor time that a program was allowed is spent, or much more time has gone by."""


class Ended(NamedTuple):
    """How a program ended, 0 if well, and what it then reported."""

    status: int
    report: bytes


def run_apart(
    program: Path, arguments: Mapping[str, Any], source: BinaryIO, target: BinaryIO, seconds: float
) -> Ended:
    """Run a program of ours that reads `source` and writes `target`, and confines itself before it looks at either.

    Raises TookTooLong, and RuntimeError where it did not come to confine itself.
    """
    asked = json.dumps({"target": target.fileno(), **arguments})
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(program), asked],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(target.fileno(),),
            env={},  # it has no use for our secrets
            timeout=4 * seconds + 10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TookTooLong from None
    ready, _, report = done.stdout.partition(b"\n")
    if ready != b"ready":
        raise RuntimeError(f"{program.name} did not start (status {done.returncode})")
    if done.returncode in OUT_OF_TIME:
        raise TookTooLong
    return Ended(done.returncode, report)
