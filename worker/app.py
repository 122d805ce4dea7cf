"""The Celery application: a doorbell. Its message is a job id; the truth is in the job store."""

from celery import Celery
from celery.signals import setup_logging
from kombu.exceptions import OperationalError

from worker.jobs import StoreUnavailable
from worker.loading import LOADING_SECONDS
from worker.logs import configure
from worker.settings import Settings
from worker.warmth import Telling
from worker.watch import Watching

RENDER = "ciotat.render"
VISIBILITY_SECONDS = 300  # a redelivered message is harmless (leases), a late one is not


def create_app(settings: Settings) -> Celery:
    """One child process with its own GPU context, one message at a time, acknowledged when done."""
    app = Celery("ciotat", broker=_broker(settings.redis_url), include=["worker.tasks"])
    app.conf.update(
        worker_pool="prefork",
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=LOADING_SECONDS,
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=5,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_default_queue=settings.queue,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
        },
        visibility_timeout=VISIBILITY_SECONDS,
    )
    app.steps["worker"].add(Watching)
    app.steps["consumer"].add(Telling)
    return app


def _broker(redis_url: str) -> str:
    """Kombu spells a Unix socket another way than redis-py."""
    return redis_url.replace("unix://", "redis+socket://", 1)


@setup_logging.connect
def log(**_: object) -> None:
    """Instead of what Celery would do about logs."""
    configure(Settings().log_level)


def submit(app: Celery, job_id: str) -> None:
    """Ring the bell for one job."""
    try:
        app.send_task(RENDER, [job_id], retry=False)  # the reaper does, of what is lost
    except OperationalError as down:
        raise StoreUnavailable("the queue does not answer") from down


app = create_app(Settings())
