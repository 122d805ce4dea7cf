"""What the rendering process of a worker under test does besides its work: wait at points, fail when armed, keep a log.

Loaded by Celery as one of its modules, in the parent too; only the child, which renders, is changed.
"""

import errno
import os
import shutil
import time
from functools import wraps
from types import SimpleNamespace

from celery.signals import worker_process_init

from tests.chaos.control import PLACE, Control
from tests.chaos.points import DWELL, Point

BASE_STEP, SSR_STEP = 8, 2  # the steps behind which a job is held, of BASE_STEPS and SSR_STEPS
PAYING_STEPS, PAYING_SECONDS = 5, 0.9  # those that pay for the first resume point, and then take so long
control = Control(os.environ[PLACE])
present = SimpleNamespace(job=None)  # the job in the hands of this process


@worker_process_init.connect
def change(**_):
    """Everything a hook needs, changed before the first job."""
    _at_claims()
    _at_steps()
    _at_uploads()
    _at_commits()


def _around(owner, name, wrapper):
    inner = getattr(owner, name)
    setattr(owner, name, wraps(inner)(lambda *given, **named: wrapper(inner, *given, **named)))


def _at_claims():
    from worker.jobs import JobStore

    def claim_next(claim, *given):
        control.reached(Point.CLAIM)
        present.job = job = claim(*given)
        if job is not None:
            control.trace(what="claim", job=job.id, token=job.token, progress=job.progress)
        return job

    def point(save, jobs, job, key, percent):
        save(jobs, job, key, percent)
        control.trace(what="point", job=job.id, token=job.token, percent=percent)

    _around(JobStore, "claim_next", claim_next)
    _around(JobStore, "point", point)


def _at_steps():
    import torch

    from model.pipeline import Pipeline
    from model.stunet import STUNet

    def generate(make, pipeline, spec, on_step, *given, **named):
        job = present.job
        dwell = float(job.metadata.get(DWELL, "0"))

        def stepped(step):
            paying = step.stage == "base" and step.done <= PAYING_STEPS
            time.sleep(PAYING_SECONDS if dwell and paying else dwell)
            on_step(step)
            control.trace(what="step", job=job.id, token=job.token, stage=step.stage, done=step.done)
            if (step.stage, step.done) == ("base", BASE_STEP):
                control.reached(Point.BASE)
            elif step.stage == "base" and step.done == spec.steps:
                control.reached(Point.BETWEEN)
            elif (step.stage, step.done) == ("ssr", SSR_STEP):
                control.reached(Point.SSR)

        return make(pipeline, spec, stepped, *given, **named)

    def forward(compute, *given, **named):
        if control.fire("oom"):
            raise torch.OutOfMemoryError("CUDA out of memory (a test says so)")
        return compute(*given, **named)

    _around(Pipeline, "generate", generate)
    _around(STUNet, "forward", forward)


def _at_uploads():
    """The video comes last of what is stored: half of it is written, or its request not yet sent."""
    from worker.storage import folder
    from worker.storage.s3 import S3Storage

    def put(store, storage, key, *given):
        if key.endswith(".mp4"):
            control.reached(Point.UPLOAD)
        return store(storage, key, *given)

    def copyfileobj(read, write, chunk):
        content = read.read()
        write.write(content[: len(content) // 2])
        write.flush()
        if ".mp4." in write.name:
            control.reached(Point.UPLOAD)
        if control.armed("full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write.write(content[len(content) // 2 :])

    _around(S3Storage, "put", put)
    folder.shutil = SimpleNamespace(**vars(shutil) | {"copyfileobj": copyfileobj})


def _at_commits():
    from worker.jobs import JobStore

    def complete(commit, *given):
        control.reached(Point.COMMIT)
        return commit(*given)

    _around(JobStore, "complete", complete)
