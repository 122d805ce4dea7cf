import json
import threading
import time

import openai
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.outbound import Outbound, Rules
from service.webhooks.deliveries import Attempt, Deliveries
from service.webhooks.scripts import attempts_key, log_key
from tests.claims import claim
from tests.service.webhooks.conftest import SPEC
from tests.service.webhooks.receiver import HOST, receiving, silent_until
from worker.jobs import connect
from worker.outbox import DUE, event_key, owed


def client(secret):
    return openai.OpenAI(api_key="unused", webhook_secret=secret)


def complete(jobs):
    job = claim(jobs, jobs.create(SPEC).id)
    jobs.complete(job, "k")
    return jobs.get(job.id)


def fail(jobs):
    job = claim(jobs, jobs.create(SPEC).id)
    jobs.fail(job, "invalid_checkpoint", "truncated")
    return jobs.get(job.id)


def cancel(jobs):
    return jobs.cancel(jobs.create(SPEC).id)


@pytest.mark.parametrize("end", [complete, fail, cancel])
def test_the_end_of_a_video_arrives_and_the_official_client_unwraps_it(subscribe, jobs, delivering, end):
    with receiving() as receiver:
        secret = subscribe(receiver.url).signing_secret
        delivering()
        video = end(jobs)
        [arrived] = receiver.wait(1)

    event = client(secret).webhooks.unwrap(arrived.body, arrived.headers)
    assert (event.type, event.data.id) == (f"video.{video.status}", video.id)
    assert event.id == arrived.id
    assert json.loads(arrived.body) == {
        "id": arrived.id,
        "object": "event",
        "created_at": int(video.completed_at),
        "type": f"video.{video.status}",
        "data": {"id": video.id},
    }
    assert arrived.headers["content-type"] == "application/json"
    Webhook(secret).verify(arrived.body, arrived.headers)


def test_what_was_tampered_with_is_refused(subscribe, cancelled, delivering):
    with receiving() as receiver:
        secret = subscribe(receiver.url).signing_secret
        other = subscribe("http://elsewhere.example/").signing_secret
        delivering()
        cancelled()
        [arrived] = receiver.wait(1)

    def refused(secret=secret, body=arrived.body, **headers):
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client(secret).webhooks.unwrap(body, arrived.headers | changed)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, arrived.headers | changed)

    refused(body=arrived.body.replace(b"video.cancelled", b"video.completed"))
    refused(webhook_id="evt_another")
    refused(webhook_timestamp=str(int(arrived.headers["webhook-timestamp"]) + 1))
    refused(webhook_timestamp=str(int(arrived.headers["webhook-timestamp"]) - 600))
    refused(secret=other)


def test_an_endpoint_is_told_of_what_it_asked_for_and_of_its_own_tenant(
    subscribe, jobs, cancelled, delivering
):
    with receiving() as receiver:
        subscribe(f"{receiver.url}/completed", "video.completed")
        subscribe(f"{receiver.url}/cancelled", "video.cancelled")
        subscribe(f"{receiver.url}/of-others", tenant="acme")
        delivering()
        video = cancelled()
        [arrived] = receiver.wait(1)
        fail(jobs)
        completed = complete(jobs)
        events = [json.loads(each.body) for each in receiver.wait(2)]

    assert [(each["type"], each["data"]["id"]) for each in events] == [
        ("video.cancelled", video),
        ("video.completed", completed.id),
    ]
    assert arrived.id == events[0]["id"]


def test_a_receiver_that_was_down_gets_the_event_when_it_is_up(subscribe, cancelled, delivering, logged):
    with receiving() as receiver:
        endpoint = subscribe(receiver.url)
    delivering(waits=(0.1,) * 50)
    cancelled()
    logged(endpoint, 2)
    with receiving(port=receiver.port) as receiver:
        [arrived] = receiver.wait(1)
        entries = logged(endpoint, 3)
        while not entries[-1].delivered:
            entries = logged(endpoint, len(entries) + 1)

    assert {each.event_id for each in entries} == {arrived.id}
    assert [each.attempt for each in entries] == [*range(1, len(entries) + 1)]
    assert [each.error for each in entries[:-1]] == ["the host cannot be reached"] * (len(entries) - 1)
    assert (entries[-1].status_code, entries[-1].error, entries[-1].next_attempt_at) == (204, None, None)


def test_attempts_follow_the_schedule_and_then_end(subscribe, cancelled, delivering, logged, redis):
    with receiving(500) as receiver:
        endpoint = subscribe(receiver.url)
        delivering(waits=(0.2, 0.6))
        cancelled()
        first, second, third = receiver.wait(3)
        entries = logged(endpoint, 3)

        assert (first.id, first.body) == (second.id, second.body) == (third.id, third.body)
        assert 0.2 <= second.at - first.at < 0.2 + 0.6
        assert 0.6 <= third.at - second.at < 0.6 + 0.6
        assert [(each.attempt, each.status_code, each.delivered) for each in entries] == [
            (1, 500, False),
            (2, 500, False),
            (3, 500, False),
        ]
        for entry, wait in zip(entries, (0.2, 0.6), strict=False):
            planned = entry.next_attempt_at - entry.created_at
            assert wait <= planned <= 1.1 * wait + 0.3
        assert entries[-1].next_attempt_at is None
    assert not redis.exists(owed(endpoint.id), attempts_key(endpoint.id), DUE)


def test_each_attempt_is_signed_anew(subscribe, cancelled, delivering):
    with receiving(500, 204) as receiver:
        secret = subscribe(receiver.url).signing_secret
        delivering(waits=(1.1,))
        cancelled()
        first, second = receiver.wait(2)

    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    client(secret).webhooks.unwrap(second.body, second.headers)


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 503])
def test_what_is_not_2xx_is_a_failure(subscribe, cancelled, delivering, logged, status):
    with receiving((status, f"location: http://{HOST}/\r\n"), 200) as receiver:
        endpoint = subscribe(receiver.url)
        delivering()
        cancelled()
        first, second = logged(endpoint, 2)

    assert (first.delivered, first.status_code) == (False, status)
    assert (second.delivered, second.status_code) == (True, 200)


def test_a_receiver_may_ask_for_a_longer_wait(subscribe, cancelled, delivering, logged):
    with receiving((503, "retry-after: 3600\r\n")) as receiver:
        endpoint = subscribe(receiver.url)
        delivering()
        cancelled()
        [entry] = logged(endpoint, 1)

    assert 3600 <= entry.next_attempt_at - entry.created_at < 3610


def test_410_disables_the_endpoint(subscribe, webhooks, cancelled, delivering, logged, redis):
    with receiving(410) as receiver:
        endpoint = subscribe(receiver.url)
        cancelled()
        cancelled()
        delivering()
        [entry] = logged(endpoint, 1)
        cancelled()

        told = webhooks.get("default", endpoint.id)
        assert (told.enabled, told.disabled_for) == (False, "gone")
        assert entry.next_attempt_at is None
        assert not redis.exists(owed(endpoint.id), DUE)

        receiver.answers = [204]
        webhooks.change("default", endpoint.id, {"enabled": True})
        video = cancelled()
        assert json.loads(receiver.wait(2)[1].body)["data"]["id"] == video
    assert len(receiver.received) == 2


def test_an_endpoint_that_fails_for_long_is_disabled_and_one_success_starts_the_clock_anew(
    subscribe, webhooks, cancelled, delivering, logged, deliveries, redis
):
    def failing_for_long():
        redis.hset(f"ciotat:webhooks:endpoint:{endpoint.id}", "failing_since", time.time() - 200)

    with receiving(500, 204, 500, 500) as receiver:
        endpoint = subscribe(receiver.url)
        stop = delivering(waits=(0.5,) * 20, patience=100.0)
        cancelled()
        logged(endpoint, 1)
        failing_for_long()
        logged(endpoint, 2)
        cancelled()
        logged(endpoint, 3)
        assert webhooks.get("default", endpoint.id).enabled
        failing_for_long()
        entries = logged(endpoint, 4)
        stop()

    told = webhooks.get("default", endpoint.id)
    assert (told.enabled, told.disabled_for) == (False, "failing")
    assert [each.delivered for each in entries] == [False, True, False, False]

    webhooks.change("default", endpoint.id, {"enabled": True})
    cancelled()
    claimed = deliveries.claim(60, 10)
    deliveries.finish(claimed, attempt(claimed, False), 60.0, 100.0)
    assert webhooks.get("default", endpoint.id).enabled


def test_a_receiver_that_is_silent_is_given_up_in_time(subscribe, cancelled, delivering, logged):
    over = threading.Event()
    with receiving(silent_until(over)) as receiver:
        endpoint = subscribe(receiver.url)
        delivering(seconds=0.5)
        cancelled()
        [entry] = logged(endpoint, 1)
        over.set()

    assert (entry.status_code, entry.error) == (None, "the host did not answer in full within 0.5 s")
    assert 500 <= entry.latency_ms < 1500


def test_a_slow_endpoint_delays_no_other(subscribe, cancelled, delivering):
    over = threading.Event()
    with receiving(silent_until(over)) as slow, receiving() as quick:
        subscribe(slow.url)
        for _ in range(10):
            cancelled()
        delivering(concurrency=2, seconds=20.0)
        slow.wait(1)
        subscribe(quick.url)
        for _ in range(5):
            cancelled()
        quick.wait(5)
        waiting = len(slow.received)  # one: the first, which has not been given up yet
        over.set()

    assert waiting == 1


def test_slow_endpoints_take_turns_with_others(subscribe, cancelled, delivering):
    """Where all deliverers are busy with slow endpoints, another is next, before what these are owed besides."""
    with receiving(lambda: time.sleep(0.4) or 204) as slow, receiving() as quick:
        for _ in range(3):
            subscribe(slow.url)
        for _ in range(5):
            cancelled()
        subscribe(quick.url)
        video = cancelled()
        delivering(concurrency=1)
        [arrived] = quick.wait(1)

    assert json.loads(arrived.body)["data"]["id"] == video
    assert sum(each.at < arrived.at for each in slow.received) == 3


def test_a_private_address_is_not_called(subscribe, cancelled, delivering, logged):
    with receiving() as receiver:
        endpoint = subscribe(receiver.url)
        delivering(outbound=Outbound(Rules(http=True, ports=frozenset({receiver.port})), lambda host: [HOST]))
        cancelled()
        first = logged(endpoint, 1)[0]

    assert (first.error, first.status_code) == ("the host cannot be reached", None)
    assert receiver.received == []


def test_two_deliverers_send_everything_once(subscribe, cancelled, delivering, logged):
    with receiving() as receiver, receiving() as other:
        endpoints = [subscribe(receiver.url), subscribe(other.url)]
        delivering()
        delivering()
        videos = {cancelled() for _ in range(40)}
        for endpoint, each in zip(endpoints, (receiver, other), strict=True):
            entries = logged(endpoint, 40)
            assert {json.loads(one.body)["data"]["id"] for one in each.received} == videos
            assert len(each.received) == 40
            assert {entry.attempt for entry in entries} == {1}


def test_what_a_deliverer_left_undone_is_done_by_another(subscribe, cancelled, delivering, deliveries):
    with receiving() as receiver:
        subscribe(receiver.url)
        cancelled()
        claimed = deliveries.claim(0.3, 10)
        assert deliveries.claim(0.3, 10) is None
        delivering()
        [arrived] = receiver.wait(1)

    assert (arrived.id, claimed.attempt) == (claimed.event.id, 1)


def attempt(claimed, delivered):
    return Attempt(
        event_id=claimed.event.id,
        event_type=claimed.event.type,
        attempt=claimed.attempt,
        created_at=0,
        delivered=delivered,
        status_code=None,
        error=None,
        latency_ms=0,
        next_attempt_at=None,
    )


def test_of_a_deliverer_that_lost_its_lease_a_failure_changes_nothing(
    subscribe, cancelled, deliveries, redis
):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    late = deliveries.claim(0.0, 10)
    now = deliveries.claim(60, 10)
    [(_, due)] = redis.zrange(owed(endpoint.id), 0, -1, withscores=True)

    deliveries.finish(late, attempt(late, False), None, 0.0)

    assert redis.zrange(owed(endpoint.id), 0, -1, withscores=True) == [(now.event.id, due)]
    assert deliveries.claim(60, 10) is None
    assert now.attempt == 2


def test_of_a_deliverer_that_lost_its_lease_a_success_counts(subscribe, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    late = deliveries.claim(0.0, 10)
    now = deliveries.claim(60, 10)

    deliveries.finish(late, attempt(late, True), None, 1.0)
    deliveries.finish(now, attempt(now, False), 5.0, 1.0)

    assert not redis.exists(owed(endpoint.id), attempts_key(endpoint.id), DUE)


def test_an_event_is_not_sent_before_its_time(subscribe, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    claimed = deliveries.claim(60, 10)
    deliveries.finish(claimed, attempt(claimed, False), 3600.0, 1000.0)
    [(_, due)] = redis.zrange(owed(endpoint.id), 0, -1, withscores=True)
    assert redis.zscore(DUE, endpoint.id) == due == pytest.approx(time.time() + 3600, abs=60)
    redis.zadd(DUE, {endpoint.id: 1})

    assert deliveries.claim(60, 10) is None
    assert redis.zscore(DUE, endpoint.id) == due


def test_an_event_that_kills_its_deliverers_is_given_up(subscribe, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    for number in (1, 2, 3):
        assert deliveries.claim(0.0, 3).attempt == number

    assert deliveries.claim(0.0, 3) is None
    assert not redis.exists(owed(endpoint.id), attempts_key(endpoint.id))


def test_an_event_that_is_forgotten_is_not_owed(subscribe, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    [event] = redis.zrange(owed(endpoint.id), 0, -1)
    redis.delete(event_key(event))

    assert deliveries.claim(1.0, 3) is None
    assert deliveries.claim(1.0, 3) is None
    assert not redis.exists(owed(endpoint.id), DUE)


def test_an_endpoint_deleted_under_way_leaves_nothing(subscribe, webhooks, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    claimed = deliveries.claim(60, 10)
    webhooks.delete("default", endpoint.id)

    deliveries.finish(claimed, attempt(claimed, False), 1.0, 1.0)
    cancelled()

    assert redis.keys("ciotat:webhooks:*") == [event_key(claimed.event.id)]


def test_the_log_is_bounded(subscribe, cancelled, deliveries, redis):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    claimed = deliveries.claim(60, 10)
    for _ in range(205):
        deliveries.finish(claimed, attempt(claimed, False), 1.0, 1000.0)

    assert redis.llen(log_key(endpoint.id)) == 200


def test_an_event_is_sent_again_when_its_owner_asks(subscribe, webhooks, cancelled, delivering, logged):
    with receiving() as receiver:
        endpoint = subscribe(receiver.url)
        delivering()
        cancelled()
        [first] = receiver.wait(1)
        logged(endpoint, 1)
        webhooks.replay("default", endpoint.id, first.id)
        second = receiver.wait(2)[1]
        entries = logged(endpoint, 2)

    assert (second.id, second.body) == (first.id, first.body)
    assert [each.attempt for each in entries] == [1, 1]


@pytest.mark.parametrize("delivered", [True, False])
def test_a_replay_asked_for_under_way_is_not_lost(subscribe, webhooks, cancelled, deliveries, delivered):
    endpoint = subscribe("http://hooks.example/")
    cancelled()
    claimed = deliveries.claim(60, 10)
    webhooks.replay("default", endpoint.id, claimed.event.id)
    assert deliveries.claim(60, 10) is None

    deliveries.finish(claimed, attempt(claimed, delivered), None if delivered else 3600.0, 1000.0)

    again = deliveries.claim(60, 10)
    assert (again.event, again.attempt) == (claimed.event, 1)


def test_after_a_rotation_both_secrets_verify_for_a_day(subscribe, webhooks, cancelled, delivering, redis):
    with receiving() as receiver:
        endpoint = subscribe(receiver.url)
        rotated = webhooks.rotate("default", endpoint.id, {})
        delivering()
        cancelled()
        [both] = receiver.wait(1)
        redis.hset(f"ciotat:webhooks:endpoint:{endpoint.id}", "old_until", time.time() - 1)
        cancelled()
        one = receiver.wait(2)[1]
        last = webhooks.rotate("default", endpoint.id, {"keep_old_secret_active_for_24_hours": False})
        cancelled()
        alone = receiver.wait(3)[2]

    for secret in (endpoint.signing_secret, rotated.signing_secret):
        client(secret).webhooks.unwrap(both.body, both.headers)
    client(rotated.signing_secret).webhooks.unwrap(one.body, one.headers)
    client(last.signing_secret).webhooks.unwrap(alone.body, alone.headers)
    for secret, arrived in ((endpoint.signing_secret, one), (rotated.signing_secret, alone)):
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client(secret).webhooks.unwrap(arrived.body, arrived.headers)


def test_a_deliverer_waits_for_a_store_that_is_away(tmp_path, outbound, delivering, caplog):
    from service.webhooks.deliverer import Deliverer

    over = threading.Event()
    away = Deliverer(Deliveries(connect(f"unix://{tmp_path}/nothing.sock")), outbound, (1.0,))
    thread = threading.Thread(target=away.run, args=(over,))
    thread.start()
    while "does not answer" not in caplog.text:
        time.sleep(0.01)
    over.set()
    thread.join(5)

    assert not thread.is_alive()
