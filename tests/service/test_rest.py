import json

import pytest
from fastapi.testclient import TestClient
from google.protobuf.json_format import MessageToDict

from model.tasks import Task
from service.errors import NotReady
from service.pb import models_pb2
from service.rest.app import create_app
from tests.claims import claim
from tests.service.conftest import CONTENT

OPENAI_KEYS = {
    "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt",
    "size", "seconds", "remixed_from_video_id", "error",
}  # fmt: skip
OUR_KEYS = {"seed", "fps", "frames", "steps", "guidance_scale", "negative_prompt", "task"} | {
    "queue_position",
    "eta_seconds",
    "timings",
    "metadata",
    "warnings",
    "strength",
    "loop",
    "style",
    "style_alpha",
}


def refusal(response, status):
    assert response.status_code == status
    assert response.headers["x-request-id"].startswith("req_")
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


def test_a_created_video_is_queued_once(http, queue):
    video = http.post("/v1/videos", json={"prompt": "a paper boat"})

    assert video.status_code == 200
    assert video.json()["status"] == "queued"
    assert queue == [video.json()["id"]]


def test_the_video_object_has_every_key_of_the_protocol_and_ours(http):
    fields = {
        "prompt": " a boat ",
        "seconds": 2,
        "size": "128x128",
        "seed": 5,
        "steps": 3,
        "negative_prompt": "fog",
    }

    video = http.post("/v1/videos", json=fields | {"guidance_scale": 2.5}).json()

    assert video.keys() == OPENAI_KEYS | OUR_KEYS
    expected = {
        "object": "video",
        "model": "ciotat-1",
        "progress": 0,
        "prompt": "a boat",
        "seconds": "2",
        "seed": 5,
    }
    expected |= {"frames": 32, "fps": 16, "steps": 3, "guidance_scale": 2.5, "negative_prompt": "fog"}
    expected |= dict.fromkeys(["completed_at", "expires_at", "remixed_from_video_id", "error"])
    assert video | expected == video


def test_json_multipart_and_forms_ask_for_the_same(http, jobs):
    fields = {"prompt": "a boat", "seconds": "3", "size": "256x256", "seed": "9", "guidance_scale": "4.5"}
    multipart = {name: (None, value) for name, value in fields.items()}

    replies = [
        http.post("/v1/videos", **body) for body in ({"json": fields}, {"data": fields}, {"files": multipart})
    ]

    specs = [jobs.get(reply.json()["id"]).spec for reply in replies]
    assert specs[0] == specs[1] == specs[2]
    assert (specs[0].seconds, specs[0].seed, specs[0].guidance_scale) == (3, 9, 4.5)


@pytest.mark.parametrize(
    ("fields", "param", "limit"),
    [
        ({"prompt": ""}, "prompt", "1"),
        ({"prompt": "  \n "}, "prompt", "1"),
        ({"prompt": "a" * 2001}, "prompt", "2000"),
        ({}, "prompt", "required"),
        ({"prompt": None}, "prompt", "string"),
        ({"prompt": ["a", "b"]}, "prompt", "string"),
        ({"prompt": "a", "size": "640x480"}, "size", "512x512"),
        ({"prompt": "a", "seconds": 0}, "seconds", "1"),
        ({"prompt": "a", "seconds": "0"}, "seconds", "1"),
        ({"prompt": "a", "seconds": True}, "seconds", "boolean"),
        ({"prompt": "a", "steps": 10**9}, "steps", "100"),
        ({"prompt": "a", "steps": "10" * 3000}, "steps", "maximum"),
        ({"prompt": "a", "seed": -1}, "seed", "0"),
        ({"prompt": "a", "strength": 1.01}, "strength", "1"),
        ({"prompt": "a", "strength": True}, "strength", "boolean"),
        ({"prompt": "a", "style_alpha": "-0.1"}, "style_alpha", "0"),
        ({"prompt": "a", "loop": "around"}, "loop", "boolean"),
        ({"prompt": "a", "style": ""}, "style", "1"),
        ({"prompt": "a", "style": "flat"}, "style", "none"),
        ({"prompt": "a", "strength": "0.7"}, "strength", "text_to_video does not use it"),
        ({"prompt": "a", "style_alpha": 0.8}, "style_alpha", "without a style"),
        ({"prompt": "a", "task": "stylize"}, "style", "stylize needs one"),
        ({"prompt": "a", "guidance_scale": "much"}, "guidance_scale", "number"),
        ({"prompt": "a", "model": "sora-2"}, "model", "ciotat-1"),
        ({"prompt": "a", "model": "../ciotat-1"}, "model", "pattern"),
        ({"prompt": "a", "output_path": "/tmp/x"}, "output_path", "unknown"),
        ({"prompt": "a", "input_reference": {"image_url": "http://x"}}, "input_reference", "not fetched"),
    ],
)
def test_a_bad_field_is_refused_by_name(http, queue, fields, param, limit):
    error = refusal(http.post("/v1/videos", json=fields), 400)

    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert limit in error["message"]
    assert queue == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"input_reference[image_url]": "http://x"}, "input_reference"),
        ({"loras[]": "x"}, "loras"),
        ({"input_reference": ("upload", b"\x89PNG")}, "input_reference"),
        ({"seconds": (None, "0")}, "seconds"),
        ({"prompt[]": (None, "b")}, "prompt"),
        ({"size[x]": (None, "b")}, "size"),
    ],
)
def test_a_bad_form_field_is_refused_by_name(http, form, param):
    parts = {name: value if isinstance(value, tuple) else (None, value) for name, value in form.items()}

    error = refusal(http.post("/v1/videos", files={"prompt": (None, "a"), **parts}), 400)

    assert error["param"] == param


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 20_000, "application/json", 400),
        (b'{"prompt": "\\ud800"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"&".join(b"a%d=1" % i for i in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"prompt", "text/plain", 415),
        (b"", "", 415),
        (b'"' + b"a" * (20_971_520 + 50_000) + b'"', "application/json", 413),
        (b"prompt=" + b"a" * 60_000, "application/x-www-form-urlencoded", 413),
        (b"--b\r\n" + b"a" * (20_971_520 + 150_000), "multipart/form-data; boundary=b", 413),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_a_client_error(http, body, kind, status):
    refusal(http.post("/v1/videos", content=body, headers={"content-type": kind}), status)


def test_unknown_paths_and_methods_use_the_envelope(http):
    assert refusal(http.get("/v2/videos"), 404)["code"] == "not_found"
    assert refusal(http.put("/v1/videos"), 405)["code"] == "method_not_allowed"


def test_progress_and_the_end_are_told(http, jobs):
    video_id = http.post("/v1/videos", json={"prompt": "a"}).json()["id"]
    job = claim(jobs, video_id)
    jobs.progress(job, 41)

    running = http.get(f"/v1/videos/{video_id}")
    jobs.complete(job, "k")
    done = http.get(f"/v1/videos/{video_id}")

    assert (running.json()["status"], running.json()["progress"]) == ("in_progress", 41)
    assert int(running.headers["openai-poll-after-ms"]) > 0
    assert (done.json()["status"], done.json()["progress"]) == ("completed", 100)
    assert done.json()["completed_at"] >= done.json()["created_at"]
    assert "openai-poll-after-ms" not in done.headers


def test_a_failed_video_is_told_with_200_and_a_reason(http, jobs):
    video_id = http.post("/v1/videos", json={"prompt": "a"}).json()["id"]
    jobs.fail(claim(jobs, video_id), "invalid_checkpoint", "the weights are truncated")

    video = http.get(f"/v1/videos/{video_id}")

    assert video.status_code == 200
    assert video.json()["error"] == {"code": "invalid_checkpoint", "message": "the weights are truncated"}
    assert "truncated" in refusal(http.get(f"/v1/videos/{video_id}/content"), 409)["message"]


def test_content_before_the_end_is_a_conflict_not_to_be_retried(http):
    video_id = http.post("/v1/videos", json={"prompt": "a"}).json()["id"]

    reply = http.get(f"/v1/videos/{video_id}/content")

    assert refusal(reply, 409)["code"] == "video_not_ready"
    assert reply.headers["x-should-retry"] == "false"


def test_content_is_the_whole_file(http, finished):
    reply = http.get(f"/v1/videos/{finished}/content")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "video/mp4")
    assert reply.content == bytes(range(250)) * 4


@pytest.mark.parametrize(("variant", "kind"), [("thumbnail", "image/webp"), ("spritesheet", "image/jpeg")])
def test_the_pictures_of_a_video_are_served_as_the_video_is(http, finished, variant, kind):
    video = http.get(f"/v1/videos/{finished}/content?variant=video")
    whole = http.get(f"/v1/videos/{finished}/content?variant={variant}")
    part = http.get(f"/v1/videos/{finished}/content?variant={variant}", headers={"range": "bytes=2-4"})

    assert (whole.status_code, part.status_code) == (200, 206)
    assert whole.headers["content-type"] == part.headers["content-type"] == kind
    assert (whole.content, part.content) == (CONTENT[variant], CONTENT[variant][2:5])
    assert part.headers["content-range"] == f"bytes 2-4/{len(CONTENT[variant])}"
    assert whole.headers["etag"] == part.headers["etag"] != video.headers["etag"]


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=900-", (900, 1000)),
        ("bytes=-10", (990, 1000)),
        ("bytes=5-9999", (5, 1000)),
    ],
)
def test_a_range_is_served(http, finished, header, span):
    reply = http.get(f"/v1/videos/{finished}/content", headers={"range": header})

    assert reply.status_code == 206
    assert reply.content == (bytes(range(250)) * 4)[slice(*span)]
    assert reply.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/1000"


def test_a_range_outside_is_refused_and_nonsense_means_all(http, finished):
    outside = http.get(f"/v1/videos/{finished}/content", headers={"range": "bytes=1000-"})
    nonsense = [
        http.get(f"/v1/videos/{finished}/content", headers={"range": header})
        for header in ("lines=1-2", "bytes=-", "bytes=9-3", "bytes=0-1,4-5")
    ]

    refusal(outside, 416)
    assert outside.headers["content-range"] == "bytes */1000"
    assert [len(reply.content) for reply in nonsense] == [1000] * 4


def test_models_are_the_installed_checkpoints(http):
    models = http.get("/v1/models").json()

    assert [model["id"] for model in models["data"]] == ["ciotat-1", "other"]
    assert http.get("/v1/models/ciotat-1").json() == models["data"][0]
    assert models["data"][0]["tasks"] == ["text_to_video"]
    assert models["data"][0]["sizes"] == [
        *("128x128", "256x256", "512x512", "1024x1024", "1280x720", "720x1280")
    ]
    assert models["data"][0]["limits"]["seconds"] == {"least": 1, "most": 5}
    assert models["data"][0]["limits"]["frames"] == {"least": 16, "most": 80}


def test_both_doors_tell_the_same_models_and_what_their_tasks_need(http, rpc, checkpoints):
    index = {"tasks": list(Task), "limits": {"seconds": 9}}
    (checkpoints / "other" / "model_index.json").write_text(json.dumps(index))
    for style in ("line", "flat"):
        (checkpoints / "other" / "styles" / style).mkdir(parents=True)
        (checkpoints / "other" / "styles" / style / "config.json").touch()
    told = rpc.ListModels(models_pb2.ListModelsRequest())

    models = http.get("/v1/models").json()["data"]
    shown = MessageToDict(told, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert shown["data"] == [each | {"created": str(each["created"])} for each in models]
    wordy, able = models
    assert [each["task"] for each in wordy["capabilities"]] == ["text_to_video"]
    assert (wordy["styles"], able["styles"]) == ([], ["flat", "line"])
    can = {each["task"]: each for each in able["capabilities"]}
    assert list(can) == able["tasks"] == list(Task)
    reference = {"field": "input_reference", "kinds": ["picture"]}
    assert can["text_to_video"]["inputs"] == []
    assert can["cinemagraph"]["inputs"] == [reference, {"field": "mask", "kinds": ["picture"]}]
    assert can["interpolate"]["inputs"] == [reference, {"field": "last_frame", "kinds": ["picture"]}]
    assert [each["kinds"] for each in can["inpaint"]["inputs"]] == 2 * [["clip", "picture"]]
    assert can["video_to_video"]["fields"] == ["strength", "loop", "style", "style_alpha"]
    assert can["interpolate"]["fields"] == ["style", "style_alpha"]
    assert [can[task]["seconds"]["most"] for task in ("extend", "inpaint")] == [9, 5]
    assert rpc.GetModel(models_pb2.GetModelRequest(id="other")).model == told.data[1]


def test_probes_tell_the_truth(http, videos, access):
    def idle():
        raise NotReady("no worker answers")

    without_worker = TestClient(create_app(videos, idle, access))

    assert http.get("/livez").status_code == http.get("/readyz").status_code == 200
    assert without_worker.get("/livez").status_code == 200
    assert refusal(without_worker.get("/readyz"), 503)["code"] == "not_ready"
    assert without_worker.get("/readyz").headers["retry-after"] == "1"
    assert without_worker.get("/readyz").headers["x-should-retry"] == "true"


def test_every_reply_has_its_own_request_id(http):
    ids = {http.get(path).headers["x-request-id"] for path in ("/livez", "/livez", "/nowhere", "/v1/models")}

    assert len(ids) == 4


def test_a_request_id_that_comes_is_the_one_that_goes(http):
    for path in ("/v1/models", "/v1/videos/video_x", "/nowhere"):
        assert (
            http.get(path, headers={"x-request-id": "trace:4f-1.a"}).headers["x-request-id"] == "trace:4f-1.a"
        )

    for nonsense in ("", "a b", "a" * 129, "é".encode(), "<script>"):
        given = http.get("/livez", headers={"x-request-id": nonsense}).headers["x-request-id"]
        assert given.startswith("req_")


def test_the_openapi_document_names_the_fields(http):
    body = http.get("/openapi.json").json()["paths"]["/v1/videos"]["post"]["requestBody"]["content"]

    assert set(body) == {"application/json", "multipart/form-data"}
    assert "guidance_scale" in body["application/json"]["schema"]["properties"]


def test_the_openapi_document_names_what_may_be_asked_of_lists_and_contents(http):
    paths = http.get("/openapi.json").json()["paths"]

    listed, content = paths["/v1/videos"]["get"], paths["/v1/videos/{video_id}/content"]["get"]
    assert [each["name"] for each in listed["parameters"]] == ["after", "limit", "order", "x-request-id"]
    assert all(each["description"] for each in listed["parameters"])
    assert [each["name"] for each in content["parameters"]] == [
        "video_id",
        "variant",
        "link",
        "If-None-Match",
        "Range",
        "If-Range",
        "x-request-id",
    ]
    assert set(content["responses"]["200"]["content"]) == {"video/mp4", "image/webp", "image/jpeg"}
    assert {"delete", "get"} <= set(paths["/v1/videos/{video_id}"])
    assert "post" in paths["/v1/videos/{video_id}/cancel"]


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/v1/videos", {200, 400, 401, 403, 404, 413, 415, 422, 429, 500, 501, 503}),
        ("get", "/v1/videos", {200, 400, 401, 403, 429, 500, 503}),
        ("get", "/v1/videos/{video_id}", {200, 401, 403, 404, 429, 500, 503}),
        ("delete", "/v1/videos/{video_id}", {200, 401, 403, 404, 429, 500, 503}),
        ("post", "/v1/videos/{video_id}/cancel", {200, 401, 403, 404, 409, 429, 500, 503}),
        ("get", "/v1/videos/{video_id}/events", {200, 204, 400, 401, 403, 404, 429, 500, 503}),
        (
            "get",
            "/v1/videos/{video_id}/content",
            {200, 206, 302, 304, 400, 401, 403, 404, 409, 416, 429, 500, 503},
        ),
        ("head", "/v1/videos/{video_id}/content", {200, 304, 400, 401, 403, 404, 409, 429, 500, 503}),
        ("get", "/objects/{key}", {200, 206, 304, 400, 403, 404, 416, 500, 503}),
        ("head", "/objects/{key}", {200, 304, 400, 403, 404, 500, 503}),
    ],
)
def test_the_openapi_document_tells_what_a_route_answers(http, method, path, statuses):
    document = http.get("/openapi.json").json()
    answers = document["paths"][path][method]["responses"]

    assert {int(status) for status in answers} == statuses
    assert all("x-request-id" in answer["headers"] for answer in answers.values())
    for status in statuses - {200, 204, 206, 302, 304}:
        schema = answers[str(status)]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Envelope"}
    assert "HTTPValidationError" not in str(document)


def test_the_openapi_document_tells_the_headers_that_come(http, finished):
    paths = http.get("/openapi.json").json()["paths"]
    content, create = paths["/v1/videos/{video_id}/content"], paths["/v1/videos"]["post"]
    events = paths["/v1/videos/{video_id}/events"]["get"]
    url, key = f"/v1/videos/{finished}/content", {"idempotency-key": "k"}
    made = [http.post("/v1/videos", json={"prompt": "a"}, headers=key) for _ in range(2)]
    etag = http.get(url).headers["etag"]

    for operation, reply in (
        (create, made[1]),
        (events, http.get(f"/v1/videos/{finished}/events")),
        (events, http.get(f"/v1/videos/{finished}/events", headers={"last-event-id": "9" * 17 + "-0"})),
        (content["get"], http.get(url)),
        (content["get"], http.get(url, headers={"range": "bytes=0-1"})),
        (content["get"], http.get(url, headers={"range": "bytes=5000-"})),
        (content["get"], http.get(url, headers={"if-none-match": etag})),
        (content["get"], http.get(f"/v1/videos/{made[0].json()['id']}/content")),
        (content["head"], http.head(url)),
    ):
        told = set(operation["responses"][str(reply.status_code)]["headers"])
        assert told - {"content-length"} == reply.headers.keys() - {"content-type", "content-length"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/videos", "GET, POST"),
        ("/v1/videos/video_x", "DELETE, GET"),
        ("/v1/videos/video_x/content", "GET, HEAD"),
        ("/v1/videos/edits", "POST"),
        ("/livez", "GET"),
    ],
)
def test_a_wrong_method_is_told_all_the_right_ones(http, path, methods):
    reply = http.patch(path)

    assert refusal(reply, 405)["code"] == "method_not_allowed"
    assert reply.headers["allow"] == methods


def test_the_openapi_document_leads_from_what_was_made_to_what_can_be_done_with_it(http):
    paths = http.get("/openapi.json").json()["paths"]
    operations = {each["operationId"]: path for path in paths for each in paths[path].values()}

    links = paths["/v1/videos"]["post"]["responses"]["200"]["links"]
    assert {"retrieve", "events", "content", "cancel", "delete"} <= set(links)
    for made in ("/v1/videos", "/v1/files"):
        for link in paths[made]["post"]["responses"]["200"]["links"].values():
            (name,) = link["parameters"]
            assert f"{{{name}}}" in operations[link["operationId"]]
