"""The worker's Celery application with the hooks of the chaos tests: `celery -A tests.chaos.app`."""

from worker.app import app

app.conf.include = [*app.conf.include, "tests.chaos.hooks"]
