"""Every route and every method, with another tenant's key, a revoked one, with none: a new one fails until covered."""

import json
import re
from ipaddress import ip_address, ip_network

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from service.main import build
from service.outbound import Outbound, Rules
from service.pb import videos_pb2
from service.processes.leaving import Leaving
from service.rpc.server import VIDEO_SERVICE
from service.rpc.servicer import serve
from service.webhooks.administration import Webhooks
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from service.webhooks.routes import add_webhooks
from tests import clips
from tests.service.test_access import WITHOUT_KEY, bearer
from worker.outbox import event_key
from worker.settings import Settings

HOOKS = "/v1/webhook_endpoints"
BODIES = {  # of routes that name an object of a tenant's in the path, and want a body besides
    "/v1/videos/{video_id}/remix": {"prompt": "a"},
    f"{HOOKS}/{{endpoint_id}}": {"name": "mine now"},
    f"{HOOKS}/{{endpoint_id}}/rotate_secret": {},
    f"{HOOKS}/{{endpoint_id}}/test": {"event_type": "video.completed"},
}
OWN_LISTS = {"/v1/videos", "/v1/files", HOOKS}
OF_NOBODY = {  # refer to no object of a tenant's, at least in their path
    "POST /v1/videos",
    "POST /v1/files",
    f"POST {HOOKS}",
    "GET /v1/models",
    "GET /v1/models/{model}",
    "POST /v1/videos/edits",
    "POST /v1/videos/extensions",
    "POST /v1/videos/characters",
    "GET /v1/videos/characters/{character_id}",
    "GET /v1/webhook_event_types",
}
REFERRING = [  # to an object in their body
    ("/v1/videos", "CreateVideo", {"input_reference": {"file_id": "file_id"}}),
    ("/v1/videos/edits", "EditVideo", {"video": {"id": "video_id"}}),
    ("/v1/videos/edits", "EditVideo", {"video": {"file_id": "file_id"}}),
    ("/v1/videos/extensions", "ExtendVideo", {"video": {"id": "video_id"}, "seconds": 2}),
]

MESSAGES = {"RemixVideo": {"prompt": "a"}}  # what a method needs to be told besides the id of an object
OWN_RPC_LISTS = {"ListVideos", "ListFiles"}
RPCS_OF_NOBODY = {"CreateVideo", "UploadFile", "EditVideo", "ExtendVideo", "ListModels", "GetModel"}


@pytest.fixture
def stranger(keys):
    return keys.create("stranger")[1]


@pytest.fixture
def owner(keys, stranger):
    return bearer(keys.create("owner")[1])


@pytest.fixture
def http(http, redis):
    """The REST door with all its routes."""
    rules = Rules(True, frozenset({443}), (ip_network("127.0.0.1"),))
    outbound = Outbound(rules, lambda host: [ip_address("127.0.0.1")])
    add_webhooks(http.app, Webhooks(Endpoints(redis), Deliveries(redis), outbound, 3600.0))
    return http


def test_these_are_all_routes_of_the_service(http, tmp_path, redis_url):
    service = build(Settings(data=tmp_path, redis_url=redis_url))

    assert set(routes(http.app)) == set(routes(service.rest))


@pytest.fixture
def objects(http, owner, finish, redis):
    """One finished thing of each kind, by the name of its id."""
    hook = {"name": "a secret hook", "url": "https://hooks.example/", "event_types": ["video.completed"]}
    endpoint = http.post(HOOKS, json=hook, headers=owner).json()
    video = http.post("/v1/videos", json={"prompt": "a secret boat"}, headers=owner).json()
    picture = {"file": ("a-secret.png", clips.picture(), "image/png")}
    file = http.post("/v1/files", data={"purpose": "vision"}, files=picture, headers=owner).json()
    finish(video["id"])
    (event,) = redis.keys(event_key("*"))
    return {
        "video_id": video["id"],
        "file_id": file["id"],
        "endpoint_id": endpoint["id"],
        "event_id": event.removeprefix(event_key("")),
    }


@pytest.fixture
def untouched(http, owner, objects, redis):
    """Says that the owner's things are as they were."""

    def state():
        told = [http.get(path, headers=owner).json() for path in sorted(OWN_LISTS)]
        return told, redis.hgetall(f"ciotat:job:{objects['video_id']}")

    before = state()
    return lambda: state() == before


def unlike(known):
    """An id of the same form that was never given."""
    return known[:-8] + ("0" * 8 if not known.endswith("0" * 8) else "1" * 8)


def routes(app):
    return [
        (method, route.path)
        for route in app.routes
        if route.path not in WITHOUT_KEY
        for method in sorted(route.methods)
    ]


def test_what_is_anothers_is_what_never_was_by_every_route(http, objects, untouched, stranger):
    told = []
    for method, path in routes(http.app):
        if path in OWN_LISTS or f"{method} {path}" in OF_NOBODY:
            continue
        named = re.findall(r"\{(\w+)\}", path)
        assert named, f"{method} {path} is not covered"
        answers = []
        for known in (
            {name: objects[name] for name in named},
            {name: unlike(objects[name]) for name in named},
        ):
            reply = http.request(
                method, path.format(**known), json=BODIES.get(path), headers=bearer(stranger)
            )
            text = reply.text
            for each in known.values():
                text = text.replace(each, "ID")
            answers.append((reply.status_code, text, {*reply.headers} - {"content-length"}))
        assert answers[0] == answers[1], f"{method} {path}"
        assert answers[0][0] == 404, f"{method} {path}"
        told.append(path)

    assert len(told) >= 9
    assert untouched()


@pytest.mark.parametrize(("path", "name", "body"), REFERRING)
def test_what_is_anothers_cannot_be_made_a_video_from(
    http, rpc, objects, untouched, stranger, path, name, body
):
    def known_as(change):
        return json.loads(
            re.sub(r'"(video_id|file_id)"(?!:)', lambda m: f'"{change(objects[m[1]])}"', json.dumps(body))
        )

    method = next(each for each in methods() if each.name == name)
    answers = []
    for change in (str, unlike):
        fields = {"prompt": "a"} | known_as(change)
        reply = http.post(path, json=fields, headers=bearer(stranger))
        code, words = refused(rpc, method, stranger, **fields)
        assert (reply.status_code, code) == (404, grpc.StatusCode.NOT_FOUND)
        assert reply.json()["error"]["message"] == words
        answers.append(re.sub(r"(video|file)_[^']*", "ID", words))

    assert answers[0] == answers[1]
    assert untouched()


def test_lists_and_cursors_tell_a_stranger_nothing(http, objects, stranger):
    listed = {path for method, path in routes(http.app) if path in OWN_LISTS and method == "GET"}
    assert listed == OWN_LISTS
    for path in OWN_LISTS:
        assert http.get(path, headers=bearer(stranger)).json()["data"] == []
        for known in objects.values():
            behind = [
                http.get(path, params={"after": after}, headers=bearer(stranger))
                for after in (known, unlike(known))
            ]
            assert [reply.status_code for reply in behind] == [400, 400]
            assert behind[0].text.replace(known, "ID") == behind[1].text.replace(unlike(known), "ID")


def methods():
    return videos_pb2.DESCRIPTOR.services_by_name["VideoService"].methods


def refused(rpc, method, stranger, **fields):
    """The code and the words in which a stranger's call is refused."""
    request = method.input_type._concrete_class(**fields, **MESSAGES.get(method.name, {}))
    with pytest.raises(grpc.RpcError) as error:
        list(
            getattr(rpc, method.name)(request, metadata=[("authorization", f"Bearer {stranger}")], timeout=20)
        )
    return error.value.code(), error.value.details()


def test_what_is_anothers_is_what_never_was_by_every_method(rpc, objects, untouched, stranger):
    told = []
    for method in methods():
        if method.name in OWN_RPC_LISTS | RPCS_OF_NOBODY:
            continue
        assert "id" in method.input_type.fields_by_name, f"{method.name} is not covered"
        known = objects["file_id" if "File" in method.name else "video_id"]
        code, words = refused(rpc, method, stranger, id=known)
        assert (code, words.replace(known, "ID")) == (
            grpc.StatusCode.NOT_FOUND,
            refused(rpc, method, stranger, id=unlike(known))[1].replace(unlike(known), "ID"),
        ), method.name
        told.append(method.name)

    assert len(told) >= 8
    assert untouched()


@pytest.mark.parametrize("name", sorted(OWN_RPC_LISTS))
def test_lists_over_grpc_tell_a_stranger_nothing(rpc, objects, stranger, name):
    method = next(each for each in methods() if each.name == name)
    metadata = [("authorization", f"Bearer {stranger}")]

    assert list(getattr(rpc, name)(method.input_type._concrete_class(), metadata=metadata).data) == []
    for known in objects.values():
        assert refused(rpc, method, stranger, after=known)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_idempotency_key_of_another_is_free(http, owner, stranger):
    named = {"idempotency-key": "k"}
    mine = http.post("/v1/videos", json={"prompt": "a"}, headers=owner | named)
    theirs = http.post("/v1/videos", json={"prompt": "b"}, headers=bearer(stranger) | named)

    assert (mine.status_code, theirs.status_code) == (200, 200)
    assert mine.json()["id"] != theirs.json()["id"]
    assert "idempotent-replayed" not in theirs.headers


def test_an_event_of_another_is_not_sent_to_an_endpoint_of_ones_own(http, objects, stranger, untouched):
    hook = {"name": "mine", "url": "https://hooks.example/", "event_types": ["video.completed"]}
    mine = http.post(HOOKS, json=hook, headers=bearer(stranger)).json()["id"]

    told = []
    for event in (objects["event_id"], unlike(objects["event_id"])):
        reply = http.post(f"{HOOKS}/{mine}/events/{event}/replay", headers=bearer(stranger))
        told.append((reply.status_code, reply.text.replace(event, "ID")))

    assert told[0] == told[1]
    assert told[0][0] == 404
    assert untouched()


def without_a_good_key(keys):
    """No key, one that was revoked, one that never was, and what is no key at all."""
    made, revoked = keys.create("owner")
    keys.revoke(made.id)
    return {
        "none": {},
        "revoked": bearer(revoked),
        "unknown": bearer("ciotat_" + 64 * "0"),
        "no key": bearer("x"),
    }


def test_without_a_good_key_every_route_says_the_same_of_what_is_there_and_what_is_not(
    http, keys, objects, untouched
):
    absent = {name: unlike(known) for name, known in objects.items()} | {"model": "x", "character_id": "x"}
    there = absent | objects | {"model": "ciotat-1"}
    for who, headers in without_a_good_key(keys).items():
        told = set()
        for method, path in routes(http.app):
            for ids in (there, absent):
                reply = http.request(method, path.format(**ids), json=BODIES.get(path), headers=headers)
                assert reply.status_code == 401, f"{method} {path} with {who}"
                told.add(reply.text if method != "HEAD" else "")
        assert len(told - {""}) == 1, who
    assert untouched()


def test_without_a_good_key_every_method_says_the_same_of_what_is_there_and_what_is_not(
    rpc, keys, objects, untouched
):
    for who, headers in without_a_good_key(keys).items():
        told = set()
        for method in methods():
            message = method.input_type._concrete_class
            ids = [objects["file_id" if "File" in method.name else "video_id"], "x"]
            requests = (
                [message(id=each) for each in ids]
                if "id" in message.DESCRIPTOR.fields_by_name
                else [message()]
            )
            for request in requests:
                given = iter([request]) if method.client_streaming else request
                with pytest.raises(grpc.RpcError) as error:
                    list(getattr(rpc, method.name)(given, metadata=[*headers.items()], timeout=20))
                assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED, f"{method.name} with {who}"
                told.add(error.value.details())
        assert len(told) == 1, who
    assert untouched()


def test_these_are_all_services_of_the_grpc_door(rpc, videos, access):
    """What is told of each method above is told of this service alone; the others know nothing of a tenant's."""
    server = serve(videos, access, Leaving(print), print, ("127.0.0.1", 0))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        services = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    server.drain(0)

    assert services == {VIDEO_SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


def test_two_keys_of_one_tenant_see_the_same(http, keys, owner, objects):
    other = bearer(keys.create("owner")[1])

    for path in sorted(OWN_LISTS):
        assert http.get(path, headers=other).json() == http.get(path, headers=owner).json()
        assert len(http.get(path, headers=other).json()["data"]) == 1


def test_every_route_but_those_that_were_meant_needs_a_key(http, keys):
    _, secret = keys.create("a")
    tried = set()
    for route in http.app.routes:
        for method in route.methods - {"HEAD"} if route.path in WITHOUT_KEY else route.methods:
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            without, wrong, right = (
                http.request(method, path, headers=headers)
                for headers in ({}, bearer("ciotat_" + 64 * "0"), bearer(secret))
            )
            if route.path in WITHOUT_KEY:
                assert 401 not in (without.status_code, wrong.status_code), route.path
            else:
                assert (without.status_code, wrong.status_code) == (401, 401), route.path
                assert right.status_code not in (401, 403), route.path
            tried.add(route.path)

    assert tried > WITHOUT_KEY | {"/v1/videos", "/v1/videos/{video_id}", "/v1/models"}
