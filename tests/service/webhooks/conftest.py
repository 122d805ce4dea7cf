import threading
import time
from contextlib import ExitStack
from ipaddress import ip_network

import pytest

from model.spec import VideoSpec
from service.outbound import Outbound, Rules
from service.webhooks.administration import Webhooks
from service.webhooks.deliverer import Deliverer
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from tests.service.webhooks.receiver import HOST
from worker.jobs import JobStore
from worker.outbox import EVENTS

SPEC = VideoSpec(prompt="a paper boat", seed=7)


class AnyPort(frozenset):
    """Receivers listen on ports that the machine chooses."""

    def __contains__(self, port):
        return True


@pytest.fixture
def outbound():
    """Calls that lead to one loopback address, whatever the name."""
    return Outbound(Rules(True, AnyPort(), (ip_network(HOST),)), lambda host: [HOST])


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


@pytest.fixture
def endpoints(redis):
    return Endpoints(redis)


@pytest.fixture
def deliveries(redis):
    return Deliveries(redis)


@pytest.fixture
def webhooks(endpoints, deliveries, outbound):
    return Webhooks(endpoints, deliveries, outbound, 5.0)


@pytest.fixture
def subscribe(webhooks):
    """An endpoint with this address."""

    def subscribe(url, *events, tenant="default"):
        fields = {"name": "ours", "url": url, "event_types": list(events or EVENTS)}
        return webhooks.create(tenant, fields)

    return subscribe


@pytest.fixture
def cancelled(jobs):
    """A video that has come to its end; its id."""

    def cancelled(tenant="default"):
        return jobs.cancel(jobs.create(SPEC, tenant).id).id

    return cancelled


@pytest.fixture
def delivering(deliveries, outbound, monkeypatch):
    """Starts a deliverer in a thread; it ends with the test."""
    monkeypatch.setattr("service.webhooks.deliverer.IDLE_SECONDS", 0.02)
    with ExitStack() as stack:

        def delivering(waits=(0.1, 0.1), seconds=2.0, patience=1000.0, concurrency=4, outbound=outbound):
            over = threading.Event()
            deliverer = Deliverer(deliveries, outbound, waits, seconds, patience, concurrency)
            thread = threading.Thread(target=deliverer.run, args=(over,))
            thread.start()

            def stop():
                over.set()
                thread.join()

            stack.callback(stop)
            return stop

        yield delivering


@pytest.fixture
def logged(deliveries):
    """The attempts at an endpoint, the oldest first, once there are so many."""

    def logged(endpoint, count, within=10):
        deadline = time.monotonic() + within
        while len(found := deliveries.log(endpoint.id, 200)) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.01)
        return found[::-1]

    return logged
