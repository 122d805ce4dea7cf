"""Runs a command that cannot outlive its owner: `python -m service.processes.leash FD GRACE COMMAND...`.

The owner holds the other end of a pipe, FD. When that end closes, also because the owner was killed, the
command's whole process group is asked to end, and GRACE seconds later made to. TERM is passed on, to hurry it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _die_with_parent() -> None:
    """Where Linux offers it, also tie the command to this process, should this process itself be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def _end_with_owner(pipe: int, grace: float, child: "subprocess.Popen[bytes]") -> None:
    """Wait for the owner's end of the pipe to close, then end the group."""
    os.read(pipe, 1)
    _signal_group(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _signal_group(child.pid, signal.SIGKILL)


def main() -> int:
    """Start the command in a group of its own and stay until it is gone."""
    pipe, grace, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=_prepared)  # noqa: PLW1509 - no thread yet
    threading.Thread(target=_end_with_owner, args=(pipe, grace, child), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: _signal_group(child.pid, signal.SIGTERM))
    code = child.wait()
    _signal_group(child.pid, signal.SIGKILL)  # what the command left behind
    return code if code >= 0 else 128 - code  # killed by a signal: as a shell tells it


def _prepared() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    _die_with_parent()


if __name__ == "__main__":
    sys.exit(main())
