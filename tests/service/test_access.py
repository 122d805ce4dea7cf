"""Keys: who is let in by which, who is not, and what is let in without."""

import hashlib
import logging
import re

import grpc
import openai
import pytest
from fastapi.testclient import TestClient
from google.protobuf.message_factory import GetMessageClass

from service.access.access import Access, bearing, loopback, peer_is_here
from service.access.keys import KeyNotFound, Keys
from service.errors import InvalidKey, KeyMissing, NotLocal
from service.pb import videos_pb2 as pb
from service.processes.leaving import Leaving
from service.rest.app import create_app
from service.rpc.servicer import serve
from tests.service.conftest import HERE
from worker.jobs import StoreUnavailable, connect
from worker.limits import TooManyRequests
from worker.tenants import DEFAULT_TENANT

WITHOUT_KEY = {
    "/livez",
    "/readyz",
    "/docs",
    "/docs/oauth2-redirect",
    "/openapi.json",
    "/objects/{key:path}",
    "/",
    "/playground/{name}",
}


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def status_of(http, secret=None, path="/v1/videos"):
    return http.get(path, headers={} if secret is None else bearer(secret)).status_code


def code_of(rpc, secret=None):
    metadata = [] if secret is None else [("authorization", f"Bearer {secret}")]
    try:
        rpc.ListVideos(pb.ListVideosRequest(), metadata=metadata)
    except grpc.RpcError as refused:
        return refused.code()
    return grpc.StatusCode.OK


def test_a_key_is_random_recognisable_and_stored_as_a_hash_alone(keys, redis):
    (first, secret), (_, other) = keys.create("a"), keys.create("a")

    assert re.fullmatch(r"ciotat_[0-9a-f]{64}", secret)
    assert secret != other
    names = redis.keys("*")
    stored = [repr(redis.hgetall(name)) for name in names]
    assert len(stored) == 3
    assert not any(secret[7:39] in each or secret[39:] in each for each in [*stored, *names])
    assert redis.hget("ciotat:keys", first.id) == hashlib.sha256(secret.encode()).hexdigest()


def test_a_key_opens_both_doors_until_it_is_revoked_on_every_replica(http, rpc, keys, redis_url, videos):
    made, secret = keys.create("a")
    _, other = keys.create("b")
    elsewhere = TestClient(create_app(videos, print, Access(Keys(connect(redis_url)))), HERE)
    assert status_of(http, secret) == status_of(elsewhere, secret) == 200
    assert code_of(rpc, secret) is grpc.StatusCode.OK

    keys.revoke(made.id)

    assert status_of(http, secret) == status_of(elsewhere, secret) == 401
    assert code_of(rpc, secret) is grpc.StatusCode.UNAUTHENTICATED
    assert status_of(http, other) == 200


def test_the_first_key_is_needed_at_once_and_the_last_one_after_it_was_revoked(http, rpc, keys):
    assert (status_of(http), code_of(rpc)) == (200, grpc.StatusCode.OK)

    made, _ = keys.create("a")
    assert (status_of(http), code_of(rpc)) == (401, grpc.StatusCode.UNAUTHENTICATED)
    keys.revoke(made.id)

    assert (status_of(http), code_of(rpc)) == (401, grpc.StatusCode.UNAUTHENTICATED)
    assert keys.any()


def test_without_keys_any_key_will_do(http, rpc):
    """The official client cannot be made to send none."""
    assert (status_of(http, "unused"), code_of(rpc, "unused")) == (200, grpc.StatusCode.OK)


def test_keys_are_listed_without_themselves_and_revoked_once(keys):
    first, second = keys.create("a")[0], keys.create("b")[0]
    keys.revoke(first.id)
    revoked = keys.list()[0]
    keys.revoke(first.id)

    assert [key.id for key in keys.list()] == [first.id, second.id]
    assert keys.list() == [revoked, second]
    assert revoked.revoked_at >= first.created_at
    with pytest.raises(KeyNotFound, match="key_x"):
        keys.revoke("key_x")


def test_every_method_of_the_service_needs_a_key(rpc, keys):
    keys.create("a")
    for method in pb.DESCRIPTOR.services_by_name["VideoService"].methods:
        request = GetMessageClass(method.input_type)()
        for metadata in ([], [("authorization", "Bearer ciotat_" + 64 * "0")]):
            asked = iter([request]) if method.client_streaming else request
            call = getattr(rpc, method.name)
            with pytest.raises(grpc.RpcError) as refused:
                list(call(asked, metadata=metadata))
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED, method.name


def test_the_official_client_knows_these_refusals_and_repeats_none_in_vain(http, keys):
    _, secret = keys.create("a")
    keys.limit("a", {"cost_a_day": 419})
    asked = []
    http.event_hooks = {"request": [lambda request: asked.append(request.method)]}
    client, stranger = (
        openai.OpenAI(base_url=f"{HERE}/v1", api_key=key, http_client=http, max_retries=2)
        for key in (secret, "sk-x")
    )

    with pytest.raises(openai.AuthenticationError) as unknown:
        stranger.videos.list()
    with pytest.raises(openai.RateLimitError) as spent:
        client.videos.create(prompt="a boat")

    assert (unknown.value.code, spent.value.code) == ("invalid_api_key", "daily_cost_limit")
    assert asked == ["GET", "POST"]


def test_no_body_is_read_before_the_key_is(http, keys):
    keys.create("a")
    paths = [re.sub(r"\{[^}]*\}", "x", route.path) for route in http.app.routes if "POST" in route.methods]
    form = {"content-type": "multipart/form-data; boundary=b"}

    assert len(paths) >= 3
    for path in paths:
        for headers in ({}, {"content-type": "application/json"}, form):
            assert http.post(path, content=b"x" * 200_000, headers=headers).status_code == 401


def test_the_openapi_document_says_which_routes_need_a_key(http):
    document = http.get("/openapi.json").json()

    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            needed = path not in ("/livez", "/readyz", "/objects/{key}")
            assert operation.get("security") == ([{"ApiKey": []}] if needed else None)
            assert ("401" in operation["responses"]) == ("429" in operation["responses"]) == needed
            if needed:
                assert "www-authenticate" in operation["responses"]["401"]["headers"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8000"}, 200),
        ({"host": "LocalHost"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "rebound.example"}, 403),
        ({"host": "127.0.0.1.rebound.example"}, 403),
        ({"host": "0.0.0.0:8000"}, 403),
        ({"host": "localhost@rebound.example"}, 403),
        ({"host": "[::1"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://page.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_without_keys_a_page_under_another_name_is_refused(http, headers, status):
    assert http.get("/v1/videos", headers=headers).status_code == status


def test_with_a_key_the_name_of_the_server_is_the_owners_business(http, keys):
    _, secret = keys.create("a")

    assert http.get("/v1/videos", headers=bearer(secret) | {"host": "videos.example"}).status_code == 200


def test_without_keys_a_connection_from_outside_is_refused_however_the_server_was_started(videos, access):
    outside = TestClient(create_app(videos, print, access), "http://192.0.2.7:8000")

    assert outside.get("/v1/videos", headers={"host": "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "", "192.0.2.7", "::ffff:192.0.2.7", "example.org")),
    ],
)
def test_a_server_without_keys_listens_on_loopback_alone(videos, access, keys, host, reached):
    assert loopback(host) is reached
    if reached:
        access.check_address(host)
    else:
        with pytest.raises(NotLocal, match="ciotat keys create"):
            serve(videos, access, Leaving(print), print, (host, 0))
        keys.create("a")
        access.check_address(host)


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("ipv4:127.0.0.1:50000", True),
        ("ipv6:%5B::1%5D:50000", True),
        ("ipv6:[::1]:50000", True),
        ("unix:/run/x", True),
        ("ipv4:192.0.2.7:50000", False),
        ("ipv6:%5B2001:db8::1%5D:50000", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_grpc_caller_is_here_or_is_not(peer, here):
    assert peer_is_here(peer) is here


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer k", "k"),
        ("bearer  k ", "k"),
        ("Basic k", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("k", None),
        (None, None),
        (b"Bearer k", None),
    ],
)
def test_a_key_is_what_follows_bearer(header, key):
    assert bearing(header) == key


def test_no_key_is_logged_or_told(http, rpc, keys, redis, caplog):
    caplog.set_level(logging.DEBUG)
    made, secret = keys.create("a")
    texts = [http.get("/v1/videos", headers=bearer(secret)).text]
    redis.hset("ciotat:job:x", mapping={"id": "x", "status": "corrupt"})
    texts.append(http.get("/v1/videos/x", headers=bearer(secret)).text)
    with pytest.raises(grpc.RpcError) as failed:
        rpc.GetVideo(pb.GetVideoRequest(id="x"), metadata=[("authorization", f"Bearer {secret}")])
    keys.revoke(made.id)
    texts.append(http.get("/v1/videos", headers=bearer(secret)).text)

    told = "".join([*texts, str(failed.value), caplog.text, repr(keys.list())])
    assert "corrupt" in told or "failed" in told
    assert secret[7:] not in told


def test_a_tenant_may_ask_so_often_a_second_at_one_moment_too(keys):
    """By the clock of Redis, which does not stand still: a few more may be let in, and never one too few."""
    _, secret = keys.create("a")
    keys.limit("a", {"requests_a_second": 20})

    let_in = []
    with pytest.raises(TooManyRequests, match="20") as refused:
        let_in.extend(keys.authorize(secret) for _ in range(100))

    assert 20 <= len(let_in) < 60
    assert 0 < refused.value.retry_after <= 1 / 20


def test_the_bucket_of_one_tenant_is_not_anothers_and_a_refused_key_empties_none(keys, redis):
    (first, secret), (_, other) = keys.create("a"), keys.create("b")
    keys.limit("a", {"requests_a_second": 1})
    keys.authorize(secret)
    with pytest.raises(TooManyRequests):
        keys.authorize(secret)

    assert keys.authorize(other).tenant == "b"
    keys.revoke(first.id)
    assert keys.authorize(secret) is None
    assert keys.authorize("nonsense") is None
    assert set(redis.keys("ciotat:bucket:*")) == {"ciotat:bucket:a", "ciotat:bucket:b"}


def test_a_request_costs_no_write_to_the_disk(keys, redis):
    _, secret = keys.create("a")
    keys.authorize(secret)
    before = redis.info("persistence")["aof_current_size"]

    for _ in range(20):
        keys.authorize(secret)

    assert redis.exists("ciotat:bucket:a")
    assert redis.info("persistence")["aof_current_size"] == before


def test_who_was_told_to_wait_is_let_in_afterwards(keys, redis):
    keys.limit(DEFAULT_TENANT, {"requests_a_second": 1})
    keys.authorize("")
    with pytest.raises(TooManyRequests) as refused:
        keys.authorize("")

    full = int(redis.get("ciotat:bucket:default"))
    redis.set("ciotat:bucket:default", full - int(refused.value.retry_after * 1e6))  # that long ago

    assert keys.authorize("").open


def test_limits_are_set_one_by_one_and_stand_over_the_defaults(keys):
    assert keys.limit("a", {}) == (100, 1_000_000, 1_000)
    keys.limit("a", {"jobs": 3})

    assert keys.limit("a", {"requests_a_second": 7}) == (3, 1_000_000, 7)
    assert keys.limit("b", {}) == (100, 1_000_000, 1_000)


def test_a_store_that_is_away_lets_nobody_in(tmp_path):
    away = Access(Keys(connect(f"unix://{tmp_path}/nothing.sock")))

    for use in (lambda: away.caller("k", True), lambda: away.caller(None, True)):
        with pytest.raises(StoreUnavailable):
            use()
    with pytest.raises(StoreUnavailable):
        away.check_address("0.0.0.0")
    away.check_address("127.0.0.1")


def test_who_has_no_key_and_who_has_a_wrong_one_are_told_apart(access, keys):
    keys.create("a")

    with pytest.raises(KeyMissing):
        access.caller(None, True)
    with pytest.raises(InvalidKey):
        access.caller("", True)
