"""To claim one job among many."""

import time

from worker.jobs import LEASES, PENDING


class NotClaimed(RuntimeError):
    """No worker would be given this job now."""


def claim(jobs, job_id):
    """The job, claimed as by a worker whose turn has come: it is put before all others that wait as it does."""
    redis = jobs.client
    if redis.zscore(PENDING, job_id) is not None:
        redis.zadd(PENDING, {job_id: 0}, xx=True)
    elif (redis.zscore(LEASES, job_id) or 9e12) <= time.time():
        redis.zadd(LEASES, {job_id: 0}, xx=True)
    else:
        raise NotClaimed(job_id)
    job = jobs.claim_next()
    if job is None:
        raise NotClaimed(job_id)
    assert job.id == job_id
    return job
