"""Inputs that are changed as long as that reaches new code: the media intake, and the bodies of requests."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.abuse import media
from tests.abuse.conftest import TIMES
from tests.abuse.forms import form

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MEGABYTES = 600  # resident: the interpreter, the decoders, and what one input may take


def bodies():
    """Forms and JSON as seeds, in the shape that fuzz_multipart.py reads."""
    choice = random.Random(9)
    for number in range(60):
        _, content = form(choice)
        yield bytes([0, 1, 7, 200][number % 4 : number % 4 + 1]) + b"\n" + content[:3000]
    for charset in ("idna", "punycode", "undefined", "unicode_escape", "utf-16", "zlib"):
        yield (
            b"\0; charset="
            + charset.encode()
            + b'\n--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n--b--\r\n'
        )
    yield b'\0J\n{"prompt": "a", "seconds": "1", "metadata": {"a": "b"}}'
    yield b"\0U\nprompt=a&metadata[a]=b&seconds=%31"


def pictures_and_clips():
    yield from media.real().values()
    yield from (content for _, content in media.polyglots() if len(content) < 3000)


# What Linux tells of a process's memory begins with that of the one it was split from, which may have loaded torch.
OF_ITS_OWN = ["/bin/sh", "-c", '"$@"; exit $?', "sh"]


@pytest.mark.parametrize(
    ("program", "seeds", "runs"), [("fuzz_multipart", bodies, 1500), ("fuzz_media", pictures_and_clips, 700)]
)
def test_no_input_that_reaches_new_code_does_harm(tmp_path, program, seeds, runs):
    (tmp_path / "corpus").mkdir()
    for number, seed in enumerate(seeds()):
        (tmp_path / "corpus" / str(number)).write_bytes(seed)
    limits = [
        f"-runs={runs * TIMES}",
        "-seed=1",
        "-max_len=4096",
        "-timeout=20",
        f"-rss_limit_mb={MEGABYTES}",
        "-print_final_stats=1",
    ]
    done = subprocess.run(
        [
            *OF_ITS_OWN,
            sys.executable,
            HERE / f"{program}.py",
            *limits,
            f"-artifact_prefix={tmp_path}/",
            tmp_path / "corpus",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    tried, megabytes = (
        int(re.search(rf"stat::{name}:\s+(\d+)", done.stderr)[1])
        for name in ("number_of_executed_units", "peak_rss_mb")
    )
    print(f"\n{program}: {tried} inputs, {megabytes} MB at most")
    assert tried >= runs * TIMES
