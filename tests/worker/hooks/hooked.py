"""The worker's application with something wrong in it: `TEST_HOOKS` names what, modules that each process imports."""

import os

from worker.app import app

app.conf.include = [*app.conf.include, *os.environ["TEST_HOOKS"].split()]
