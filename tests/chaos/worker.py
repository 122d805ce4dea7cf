"""`ciotat worker` with the hooks of the chaos tests."""

import os

from service.processes.apart import worker_command

if __name__ == "__main__":
    command = ["tests.chaos.app" if part == "worker.app" else part for part in worker_command()]
    os.execv(command[0], command)
