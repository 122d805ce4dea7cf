import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("service", "worker", "model")
DRAWERS = re.compile(r"(utils?|helpers?|common|misc|base|manager)(_\w+)?")


def modules():
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "pb" not in path.parts]


@pytest.mark.parametrize(
    "module",
    [
        "service.main",
        "service.processes.local",
        "service.cli",
        "worker.app",
        "worker.tasks",
        "worker.storage",
    ],
)
def test_the_api_tier_and_the_workers_parent_never_load_torch(module):
    script = (
        f"import sys, {module}; print([name for name in ('torch', 'av', 'numpy') if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded == "[]\n"


def test_a_worker_loads_nothing_that_takes_seconds_and_is_not_needed():
    """Each of its processes would, and so would each that takes the place of a lost one."""
    script = """
import sys, worker.tasks, worker.render
from model.text import TextEncoder, packaged_encoder
TextEncoder(packaged_encoder())(["a boat"])
print([name for name in ("transformers", "torch._dynamo", "torch.distributed.tensor", "boto3") if name in sys.modules])
"""

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded == "[]\n"


def test_only_the_task_and_the_grpc_door_catch_every_exception():
    catching = [path for path in modules() if "except Exception" in path.read_text()]

    assert catching == [ROOT / "service" / "rpc" / "answering.py", ROOT / "worker" / "tasks.py"]


def test_modules_are_named_after_a_concept():
    drawers = [path for path in modules() if DRAWERS.fullmatch(path.stem)]
    standard = [path for path in modules() if path.stem in sys.stdlib_module_names]

    assert [path for path in drawers if path != ROOT / "model" / "training" / "base.py"] == []
    assert standard == []


def test_no_module_is_longer_than_a_sitting():
    assert [path for path in modules() if len(path.read_text().splitlines()) > 300] == []
