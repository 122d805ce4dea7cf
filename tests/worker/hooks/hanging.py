"""The first attempt at a video whose prompt says so hangs in the middle of rendering; a stubborn one minds no drain."""

import time

from celery.signals import worker_process_init


@worker_process_init.connect(weak=False)
def hang(**_):
    """In the process that renders alone."""
    from worker import render

    render_well = render.render

    def render_or_hang(hold, *rest):
        if hold.job.attempts == 1 and "hang" in hold.job.spec.prompt:
            hold.beat(7)
            time.sleep(3600)
        while hold.job.attempts == 1 and "stubborn" in hold.job.spec.prompt:
            hold.beat(7)
            time.sleep(0.1)
        render_well(hold, *rest)

    render.render = render_or_hang
