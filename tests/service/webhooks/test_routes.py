import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from fastapi.testclient import TestClient

from service.access.access import Access
from service.errors import REFUSALS, TooManyWebhooks
from service.outbound import Outbound
from service.rest.app import create_app
from service.webhooks.administration import MOST_TRIALS, Webhooks
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import MOST_ENDPOINTS, Endpoints
from service.webhooks.routes import PATH, add_webhooks
from tests.service.webhooks.receiver import receiving, silent_until
from worker.jobs import connect
from worker.outbox import EVENTS

HERE = "http://127.0.0.1:8000"
URL = "https://hooks.example:8443/in?a=b"
FIELDS = {"name": "ours", "url": URL, "event_types": ["video.completed", "video.failed"]}


@pytest.fixture
def app(webhooks, keys, videos):
    app = create_app(videos, lambda: None, Access(keys), 50_000)
    add_webhooks(app, webhooks)
    return app


@pytest.fixture
def http(app):
    with TestClient(app, HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(http):
    """The official client, unmodified."""
    return openai.OpenAI(api_key="unused", base_url=f"{HERE}/v1", http_client=http, max_retries=0)


@pytest.fixture
def endpoint(http):
    return http.post(PATH, json=FIELDS).json()


def test_the_official_client_does_all_of_it(client, cancelled, delivering):
    with receiving() as receiver:
        made = client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])
        assert made.signing_secret.startswith("whsec_")
        assert made.signing_secret_hint == f"whsec_...{made.signing_secret[-5:]}"
        other = client.webhooks.create(name="theirs", url=receiver.url, event_types=["video.completed"])

        told = client.webhooks.retrieve(made.id)
        assert (told.name, told.url, told.event_types) == ("ours", receiver.url, ["video.failed"])
        assert "signing_secret" not in told.model_dump(exclude_unset=True)
        assert [each.id for each in client.webhooks.list(limit=1)] == [other.id, made.id]
        assert client.webhooks.event_types.list().data == [*EVENTS]

        changed = client.webhooks.update(made.id, event_types=["video.cancelled"], name="again")
        assert (changed.name, changed.url, changed.event_types) == (
            "again",
            receiver.url,
            ["video.cancelled"],
        )
        delivering()
        cancelled()
        receiver.wait(1)

        result = client.webhooks.test(made.id, event_type="video.completed")
        assert (result.status_code, result.event_type, result.success) == (204, "video.completed", True)
        trial = receiver.wait(2)[1]
        event = client.webhooks.unwrap(trial.body, trial.headers, secret=made.signing_secret)
        assert (event.type, event.data.id) == ("video.completed", "video_test")

        rotated = client.webhooks.rotate_secret(made.id)
        assert rotated.signing_secret != made.signing_secret
        assert client.webhooks.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.webhooks.retrieve(made.id)
    assert [each.id for each in client.webhooks.list()] == [other.id]


def test_an_endpoint_is_told_with_all_its_fields_and_its_secret_once(http):
    made = http.post(PATH, json=FIELDS).json()
    secret = made.pop("signing_secret")

    assert made == {
        "id": made["id"],
        "object": "webhook_endpoint",
        "name": "ours",
        "url": URL,
        "event_types": ["video.completed", "video.failed"],
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
        "signing_secret_hint": f"whsec_...{secret[-5:]}",
        "enabled": True,
        "disabled_at": None,
        "disabled_for": None,
    }
    assert abs(made["created_at"] - time.time()) < 5
    assert http.get(f"{PATH}/{made['id']}").json() == made
    for reply in (
        http.get(PATH),
        http.get(f"{PATH}/{made['id']}"),
        http.post(f"{PATH}/{made['id']}", json={}),
    ):
        assert secret not in reply.text


def test_a_form_serves_as_a_body_too(http):
    form = {"name": "ours", "url": URL, "event_types[]": ["video.completed"]}

    assert http.post(PATH, data=form).json()["event_types"] == ["video.completed"]


def test_only_a_change_moves_the_time_of_the_last_change(http, endpoint, redis):
    record = f"ciotat:webhooks:endpoint:{endpoint['id']}"
    redis.hset(record, "updated_at", 1000)

    same = http.post(f"{PATH}/{endpoint['id']}", json={"name": "ours", "enabled": True}).json()
    moved = http.post(f"{PATH}/{endpoint['id']}", json={"name": "another"}).json()

    assert same["updated_at"] == 1000
    assert moved["updated_at"] >= endpoint["created_at"]


def test_an_owner_may_stop_deliveries_for_a_while(http, endpoint, webhooks, cancelled, redis):
    path = f"{PATH}/{endpoint['id']}"
    stopped = http.post(path, json={"enabled": False, "event_types": ["video.cancelled"]}).json()
    cancelled()

    assert (stopped["enabled"], stopped["disabled_for"]) == (False, "owner")
    assert redis.keys("ciotat:webhooks:owed:*") == []
    again = http.post(path, json={"enabled": True}).json()
    cancelled()
    assert (again["enabled"], again["disabled_at"], again["disabled_for"]) == (True, None, None)
    assert redis.keys("ciotat:webhooks:owed:*") == [f"ciotat:webhooks:owed:{endpoint['id']}"]


def test_deliveries_are_told_and_replayed(http, cancelled, delivering, logged, webhooks):
    with receiving(500, 204) as receiver:
        made = http.post(PATH, json=FIELDS | {"url": receiver.url, "event_types": ["video.cancelled"]}).json()
        delivering()
        video = cancelled()
        logged(webhooks.get("default", made["id"]), 2)
        told = http.get(f"{PATH}/{made['id']}/deliveries").json()
        event = told["data"][0]["event_id"]
        replay = http.post(f"{PATH}/{made['id']}/events/{event}/replay")
        third = receiver.wait(3)[2]

    assert [(each["attempt"], each["status_code"], each["delivered"]) for each in told["data"]] == [
        (2, 204, True),
        (1, 500, False),
    ]
    assert told["data"][1]["next_attempt_at"] > told["data"][1]["created_at"]
    assert replay.json() == {"object": "webhook_event.replay", "id": event, "webhook_endpoint_id": made["id"]}
    assert (third.id, json.loads(third.body)["data"]["id"]) == (event, video)
    assert len(http.get(f"{PATH}/{made['id']}/deliveries?limit=1").json()["data"]) == 1


def test_pages_follow_each_other(http):
    made = [http.post(PATH, json=FIELDS | {"name": str(number)}).json()["id"] for number in range(5)][::-1]

    first = http.get(PATH, params={"limit": 2}).json()
    second = http.get(PATH, params={"limit": 2, "after": first["last_id"]}).json()
    third = http.get(PATH, params={"limit": 2, "after": second["last_id"]}).json()

    assert [each["id"] for page in (first, second, third) for each in page["data"]] == made
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]
    assert (first["first_id"], first["last_id"]) == (made[0], made[1])
    assert http.get(PATH, params={"after": made[-1]}).json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_a_tenant_sees_nothing_of_anothers(http, keys, redis, webhooks):
    made = webhooks.create("acme", FIELDS).id
    redis.hset("ciotat:webhooks:event:evt_1", mapping={"id": "evt_1", "tenant": "acme"})
    own = webhooks.create("other", FIELDS).id
    _, key = keys.create("other")
    headers = {"authorization": f"Bearer {key}"}

    calls = [
        ("GET", f"{PATH}/{made}", None),
        ("POST", f"{PATH}/{made}", {"name": "mine"}),
        ("POST", f"{PATH}/{made}/rotate_secret", {}),
        ("POST", f"{PATH}/{made}/test", {"event_type": "video.failed"}),
        ("GET", f"{PATH}/{made}/deliveries", None),
        ("POST", f"{PATH}/{made}/events/evt_1/replay", None),
        ("POST", f"{PATH}/{own}/events/evt_1/replay", None),
        ("DELETE", f"{PATH}/{made}", None),
    ]
    for method, path, body in calls:
        reply = http.request(method, path, json=body, headers=headers)
        unknown = http.request(
            method, path.replace(made, "we_unknown").replace("evt_1", "evt_0"), json=body, headers=headers
        )
        assert reply.status_code == unknown.status_code == 404, (method, path)
        assert reply.json()["error"]["code"] == unknown.json()["error"]["code"]
    assert [each["id"] for each in http.get(PATH, headers=headers).json()["data"]] == [own]
    assert (
        http.get(PATH, headers=headers, params={"after": made}).json()["error"]["code"] == "cursor_not_found"
    )
    assert webhooks.get("acme", made).name == "ours"


def test_an_event_of_ones_own_is_not_sent_to_anothers_endpoint(http, keys, redis, webhooks):
    made = webhooks.create("acme", FIELDS).id
    redis.hset("ciotat:webhooks:event:evt_2", mapping={"id": "evt_2", "tenant": "other"})
    _, key = keys.create("other")

    reply = http.post(f"{PATH}/{made}/events/evt_2/replay", headers={"authorization": f"Bearer {key}"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "webhook_endpoint_not_found")
    assert redis.keys("ciotat:webhooks:owed:*") == []


def test_every_route_needs_a_key_where_there_are_keys(http, app, keys):
    keys.create("acme")
    routes = [(m, r.path) for r in app.routes for m in getattr(r, "methods", ()) if "webhook" in r.path]

    assert len(routes) == 10
    for method, path in routes:
        assert http.request(method, path.replace("{", "").replace("}", "")).status_code == 401, path


def without(*names, **more):
    return {name: value for name, value in FIELDS.items() if name not in names} | more


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (without("name"), "name"),
        (without("name", name=" "), "name"),
        (without("name", name="a" * 257), "name"),
        (without("url"), "url"),
        (without("url", url="http://hooks.example/"), "url"),
        (without("url", url="https://user:hunter2@hooks.example/"), "url"),
        (without("url", url="https://hooks.example:22/"), "url"),
        (without("url", url="https://127.0.0.1/"), "url"),
        (without("url", url="https://169.254.169.254/"), "url"),
        (without("url", url="https://[::1]/"), "url"),
        (without("url", url="https://2130706433/"), "url"),
        (without("url", url=7), "url"),
        (without("event_types"), "event_types"),
        (without("event_types", event_types=[]), "event_types"),
        (without("event_types", event_types=["video.started"]), "event_types"),
        (without("event_types", event_types="video.completed"), "event_types"),
        (without(secret="mine"), "secret"),
    ],
)
def test_a_field_outside_its_limits_is_refused_by_its_name(endpoints, deliveries, keys, videos, body, param):
    app = create_app(videos, lambda: None, Access(keys), 50_000)
    add_webhooks(app, Webhooks(endpoints, deliveries, Outbound(), 1.0))
    with TestClient(app, HERE) as http:
        reply = http.post(PATH, json=body)
        assert reply.status_code == 400
        assert reply.json()["error"]["param"] == param
        assert reply.json()["error"]["message"].startswith(f"{param}: ")
        assert "hunter2" not in reply.text
        assert endpoints.all("default") == []

        made = http.post(PATH, json=FIELDS).json()["id"]
        if param in body:
            changed = http.post(f"{PATH}/{made}", json={param: body[param]})
            assert (changed.status_code, changed.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "param"),
    [
        ("GET", f"{PATH}?limit=0", None, "invalid_value", "limit"),
        ("GET", f"{PATH}?after=we_unknown", None, "cursor_not_found", "after"),
        ("POST", f"{PATH}/{{}}/rotate_secret", {"keep": 1}, "invalid_value", "keep"),
        ("POST", f"{PATH}/{{}}/test", {}, "invalid_value", "event_type"),
        ("POST", f"{PATH}/{{}}/test", {"event_type": "video.made"}, "invalid_value", "event_type"),
        ("POST", f"{PATH}/{{}}/test", {"event_type": "video.failed"}, "webhook_endpoint_unreachable", None),
        ("GET", f"{PATH}/{{}}/deliveries?limit=201", None, "invalid_value", "limit"),
        ("POST", f"{PATH}/{{}}/events/evt_0/replay", None, "webhook_event_not_found", None),
    ],
)
def test_what_cannot_be_done_is_told(http, endpoint, method, path, body, code, param):
    reply = http.request(method, path.format(endpoint["id"]), json=body)

    error = reply.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    [refusal] = [each for each in REFUSALS.values() if each.code == code]
    assert reply.status_code == refusal.status


def test_trials_of_silent_endpoints_do_not_hold_up_the_service(http):
    over = threading.Event()
    with receiving(silent_until(over)) as receiver, ThreadPoolExecutor(MOST_TRIALS) as pool:
        path = f"{PATH}/{http.post(PATH, json=FIELDS | {'url': receiver.url}).json()['id']}/test"
        trial = {"event_type": "video.failed"}
        trials = [pool.submit(http.post, path, json=trial) for _ in range(MOST_TRIALS)]
        receiver.wait(MOST_TRIALS)
        refused = http.post(path, json=trial)
        over.set()
        assert [each.result().status_code for each in trials] == [200] * MOST_TRIALS
        assert http.post(path, json=trial).status_code == 200

    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "true")


def test_nothing_is_replayed_to_a_disabled_endpoint(http, endpoint, redis):
    redis.hset("ciotat:webhooks:event:evt_1", mapping={"id": "evt_1", "tenant": "default"})
    http.post(f"{PATH}/{endpoint['id']}", json={"enabled": False})

    reply = http.post(f"{PATH}/{endpoint['id']}/events/evt_1/replay")

    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "webhook_endpoint_disabled")
    assert reply.headers["x-should-retry"] == "false"


def test_a_tenant_has_so_many_endpoints_and_no_more(http, webhooks, endpoints):
    for _ in range(MOST_ENDPOINTS):
        last = http.post(PATH, json=FIELDS).json()["id"]
    reply = http.post(PATH, json=FIELDS)

    assert (reply.status_code, reply.json()["error"]["code"]) == (409, REFUSALS[TooManyWebhooks].code)
    assert str(MOST_ENDPOINTS) in reply.json()["error"]["message"]
    webhooks.create("acme", FIELDS)
    http.delete(f"{PATH}/{last}")
    assert http.post(PATH, json=FIELDS).status_code == 200


def test_a_store_that_is_away_is_told_to_come_back_to(keys, videos, tmp_path, outbound):
    away = connect(f"unix://{tmp_path}/nothing.sock")
    app = create_app(videos, lambda: None, Access(keys), 50_000)
    add_webhooks(app, Webhooks(Endpoints(away), Deliveries(away), outbound, 1.0))
    with TestClient(app, HERE, raise_server_exceptions=False) as http:
        for method, path, body in (
            ("POST", PATH, FIELDS),
            ("GET", PATH, None),
            ("GET", f"{PATH}/we_1", None),
            ("POST", f"{PATH}/we_1", {}),
            ("DELETE", f"{PATH}/we_1", None),
            ("POST", f"{PATH}/we_1/rotate_secret", {}),
            ("POST", f"{PATH}/we_1/events/evt_1/replay", None),
        ):
            reply = http.request(method, path, json=body)
            assert (reply.status_code, reply.headers["x-should-retry"]) == (503, "true"), (method, path)


def test_the_openapi_document_has_the_routes_with_their_bodies_and_answers(http):
    paths = http.get("/openapi.json").json()["paths"]

    assert {path for path in paths if "webhook" in path} == {
        PATH,
        "/v1/webhook_event_types",
        f"{PATH}/{{endpoint_id}}",
        f"{PATH}/{{endpoint_id}}/deliveries",
        f"{PATH}/{{endpoint_id}}/events/{{event_id}}/replay",
        f"{PATH}/{{endpoint_id}}/rotate_secret",
        f"{PATH}/{{endpoint_id}}/test",
    }
    create = paths[PATH]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["required"] == [
        "name",
        "url",
        "event_types",
    ]
    assert {"200", "400", "401", "409", "503"} <= set(create["responses"])
    assert not paths[f"{PATH}/{{endpoint_id}}/rotate_secret"]["post"]["requestBody"]["required"]


def test_a_secret_is_in_no_repr(endpoints, webhooks):
    made = webhooks.create("default", FIELDS)
    stored = endpoints.get("default", made.id)

    assert made.signing_secret == stored.secret
    assert made.signing_secret not in repr(made) + repr(stored) + str(made) + str(stored)
