"""`ciotat serve` that can be held between the write that accepts a job and the bell for it."""

import os
import sys

from service import cli, main
from tests.chaos.control import PLACE, Control
from tests.chaos.points import BELL

if __name__ == "__main__":
    control, ring = Control(os.environ[PLACE]), main.submit

    def submit(queue, job_id):
        """Ring, but for the hold."""
        control.reached(BELL)
        ring(queue, job_id)

    main.submit = submit
    sys.exit(cli.main(["serve", *sys.argv[1:]]))
