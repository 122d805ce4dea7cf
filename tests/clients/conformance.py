"""What the official Python client can do with the service, run by a Python that has that client and nothing of ours.

`python conformance.py sync|async [CHECK ...]` prints a JSON object: of each check null, or how it failed; on stderr,
how far it is. The checks are those of conformance.mjs. Each is written once: `got` takes the answer of either client.
"""

import asyncio
import inspect
import json
import os
import sys
import threading
import time
import traceback
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue

import openai
from openai.types import Video

warnings.filterwarnings("error")
warnings.filterwarnings("ignore", "The Sora API is scheduled", DeprecationWarning)

SERVER, KEY, SPENT_KEY = (os.environ[name] for name in ("CIOTAT_SERVER", "CIOTAT_API_KEY", "SPENT_API_KEY"))
HOST, PORT = os.environ["RECEIVER"].split(":")  # where the service may send webhooks
PICTURE, CLIP = (Path(os.environ[name]) for name in ("PICTURE", "CLIP"))

EXTRA = {"steps": 2, "seed": 7}
SMALL = {"prompt": "a paper boat", "model": "ciotat-1", "size": "128x128", "seconds": "1"}
LONG = {"extra_body": {"steps": 100}}
JSON = {"Content-Type": "application/json"}
KEYS = {
    *("id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt"),
    *("size", "seconds", "remixed_from_video_id", "error"),
    *("task", "seed", "fps", "frames", "queue_position", "eta_seconds", "timings", "metadata", "warnings"),
}
BEGINNINGS = {
    "video": ("video/mp4", b"ftyp", 4),
    "thumbnail": ("image/webp", b"WEBP", 8),
    "spritesheet": ("image/jpeg", b"\xff\xd8", 0),
    "preview": ("image/webp", b"WEBP", 8),
}


def connected(key=KEY):
    client = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}[sys.argv[1]]
    return client(base_url=f"{SERVER}/v1", api_key=key)


async def got(answer):
    """The answer of a client of either kind."""
    return await answer if inspect.isawaitable(answer) else answer


async def listed(pages):
    """Everything that the client's iterator through pages gives."""
    return [each async for each in pages] if hasattr(pages, "__aiter__") else list(pages)


async def created(client, **extra):
    return await got(client.videos.create(**SMALL, **({"extra_body": EXTRA} | extra)))


async def finished(client):
    """A finished video, the same for all checks."""
    if not hasattr(finished, "video"):
        finished.video = await got(client.videos.create_and_poll(**SMALL, extra_body=EXTRA))
    return finished.video


async def refused(kind, code, call, *arguments, **named):
    """The error of a call: of this class and code, with an id, and not repeated by the client."""
    error = None
    try:
        await got(call(*arguments, **named))
    except openai.APIStatusError as thrown:
        error = thrown
    assert error, f"not refused with {code}"
    assert (type(error), error.code) == (kind, code), repr(error)
    assert error.request_id.startswith("req_")
    assert error.response.request.headers["x-stainless-retry-count"] == "0", "the client tried again"
    return error


async def create_as_multipart(client):
    told = (await created(client)).to_dict()

    assert set(told) >= KEYS, KEYS - set(told)
    assert [told[name] for name in ("object", "status", "progress")] == ["video", "queued", 0]
    assert {name: told[name] for name in SMALL} == SMALL
    assert [told[name] for name in ("task", "seed", "fps", "frames")] == ["text_to_video", 7, 16, 16]


async def create_as_json(client):
    told = (await created(client, extra_headers=JSON)).to_dict()

    assert {name: told[name] for name in SMALL} == SMALL
    assert told["seed"] == 7


async def create_with_scalars_that_travel_as_text(client):
    asked = {"steps": "2", "seed": 9, "guidance_scale": 3.5, "negative_prompt": "rain"}
    told = (await created(client, extra_body=asked)).to_dict()

    assert {name: told[name] for name in asked} == asked | {"steps": 2}


async def create_with_metadata(client):
    metadata = {"shot": "12", "scene": "b"}
    for headers in ({}, JSON):
        video = await created(client, extra_body=EXTRA | {"metadata": metadata}, extra_headers=headers)

        assert (await got(client.videos.retrieve(video.id))).to_dict()["metadata"] == metadata


async def lists_are_read_without_their_brackets(client):
    """Nothing takes a list yet, and the refusal names the field: `name[]` was read."""
    for name, headers in (("seed", {}), ("styles", {}), ("styles", JSON)):
        asked = SMALL | {"extra_body": {name: ["1", "2"]}, "extra_headers": headers}
        error = await refused(openai.BadRequestError, "invalid_value", client.videos.create, **asked)
        assert error.param == name


async def create_and_poll(client):
    video = await finished(client)

    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert video.completed_at >= video.created_at
    assert video.to_dict()["timings"]


async def a_failed_video_is_an_answer(client):
    failed = await got(client.videos.create_and_poll(**SMALL | {"model": "truncated"}))

    again = await got(client.videos.retrieve(failed.id))
    assert (again.status, again.error.code) == ("failed", "invalid_checkpoint")
    await refused(openai.ConflictError, "video_failed", client.videos.download_content, failed.id)


async def list_through_pages(client):
    made = [(await created(client)).id for _ in range(3)]

    oldest_first = [video.id for video in await listed(client.videos.list(limit=2, order="asc"))]
    newest_first = [video.id for video in await listed(client.videos.list(limit=2))]
    assert oldest_first[-3:] == made
    assert newest_first == oldest_first[::-1]
    assert [video.id for video in await listed(client.videos.list(after=made[0], order="asc"))] == made[1:]


async def content_of_all_variants(client):
    video = await finished(client)
    for variant, (kind, magic, at) in BEGINNINGS.items():
        content = await got(client.videos.download_content(video.id, variant=variant))

        assert content.response.headers["content-type"] == kind, variant
        assert content.content[at : at + len(magic)] == magic, variant


async def content_in_ranges(client):
    video, ask = await finished(client), client.videos.download_content
    whole = (await got(ask(video.id))).content
    parts = [await got(ask(video.id, extra_headers={"Range": span})) for span in ("bytes=0-99", "bytes=100-")]

    assert [part.response.status_code for part in parts] == [206, 206]
    assert [part.content for part in parts] == [whole[:100], whole[100:]]


async def a_range_beyond_the_end(client):
    video, ask = await finished(client), client.videos.download_content
    beyond = {"extra_headers": {"Range": "bytes=1000000000-"}}
    await refused(openai.APIStatusError, "range_not_satisfiable", ask, video.id, **beyond)


async def delete(client):
    video = await created(client)
    deleted = await got(client.videos.delete(video.id))

    assert (deleted.id, deleted.object, deleted.deleted) == (video.id, "video.deleted", True)
    for call in (client.videos.retrieve, client.videos.delete, client.videos.download_content):
        await refused(openai.NotFoundError, "video_not_found", call, video.id)


async def cancel(client):
    video = await created(client, **LONG)
    path = f"/videos/{video.id}/cancel"

    assert (await got(client.post(path, cast_to=Video))).status == "cancelled"
    assert (await got(client.videos.poll(video.id))).status == "cancelled"
    await refused(openai.ConflictError, "video_cancelled", client.videos.download_content, video.id)
    over = f"/videos/{(await finished(client)).id}/cancel"
    await refused(openai.ConflictError, "video_already_over", client.post, over, cast_to=Video)


async def remix_edit_and_extend_are_to_come(client):
    video = await finished(client)
    by_id = {"video": openai.omit, "extra_body": {"video": {"id": video.id}}}  # video[id]
    await to_come(client.videos.remix, video.id, prompt="at night")
    await to_come(client.videos.edit, prompt="at night", video=CLIP)
    await to_come(client.videos.edit, prompt="at night", **by_id)
    await to_come(client.videos.extend, prompt="on and on", seconds="4", **by_id)


async def input_references_are_to_come(client):
    file = await got(client.files.create(file=PICTURE, purpose="vision"))
    by_file = {"input_reference": {"file_id": file.id}}  # input_reference[file_id]
    await to_come(client.videos.create, **SMALL, input_reference=PICTURE)
    await to_come(client.videos.create, **SMALL, extra_body=by_file)
    await to_come(client.videos.create, **SMALL, extra_body=by_file, extra_headers=JSON)
    by_address = {"input_reference": {"image_url": "https://127.0.0.1/a.png"}}
    for headers in ({}, JSON):
        asked = SMALL | {"extra_body": by_address, "extra_headers": headers}
        error = await refused(openai.BadRequestError, "invalid_value", client.videos.create, **asked)
        assert error.param.startswith("input_reference")
    await got(client.files.delete(file.id))


async def to_come(call, *arguments, **named):
    error = await refused(openai.InternalServerError, "task_not_available", call, *arguments, **named)
    assert error.status_code == 501


async def files(client):
    expiry = {"anchor": "created_at", "seconds": 3600}
    picture = await got(client.files.create(file=PICTURE, purpose="vision"))
    clip = await got(client.files.create(file=CLIP, purpose="user_data", expires_after=expiry))

    assert (picture.object, picture.purpose, picture.filename) == ("file", "vision", PICTURE.name)
    assert clip.expires_at == clip.created_at + 3600
    assert await got(client.files.retrieve(picture.id)) == picture
    content = (await got(client.files.content(picture.id))).content
    assert (len(content), content[1:4]) == (picture.bytes, b"PNG")
    assert [file.id for file in await listed(client.files.list(limit=1))] == [clip.id, picture.id]
    assert [file.id for file in await listed(client.files.list(purpose="vision"))] == [picture.id]
    for file in (picture, clip):
        assert (await got(client.files.delete(file.id))).deleted
        await refused(openai.NotFoundError, "file_not_found", client.files.retrieve, file.id)


async def errors_are_the_clients_own(client):
    for wrong in ({"size": "640x480"}, {"seconds": "soon"}, {"prompt": ""}):
        (name,) = wrong
        error = await refused(openai.BadRequestError, "invalid_value", client.videos.create, **SMALL | wrong)
        assert error.param == name
        assert name in error.message
    strange = SMALL | {"model": "sora-2"}
    error = await refused(openai.BadRequestError, "model_not_found", client.videos.create, **strange)
    assert error.param == "model"
    error = await refused(openai.BadRequestError, "cursor_not_found", client.videos.list, after="video_x")
    assert error.param == "after"
    unfinished = await created(client, **LONG)
    await refused(openai.ConflictError, "video_not_ready", client.videos.download_content, unfinished.id)
    await got(client.videos.delete(unfinished.id))


async def a_request_keeps_its_id(client):
    named = {"extra_headers": {"x-request-id": "ours-1"}}
    answer = await got(client.videos.with_raw_response.list(**named))

    assert answer.headers["x-request-id"] == "ours-1"


async def keys_are_asked_for(client):
    video = await finished(client)
    for key in ("ciotat_" + "0" * 64, "sk-of-another-service"):
        stranger = connected(key)
        await refused(openai.AuthenticationError, "invalid_api_key", stranger.videos.retrieve, video.id)
        await got(stranger.close())
    other = connected(SPENT_KEY)
    await refused(openai.NotFoundError, "video_not_found", other.videos.retrieve, video.id)
    await got(other.close())


async def a_limit_is_told(client):
    """More than this tenant may ever use, so it is no use to try again."""
    other = connected(SPENT_KEY)
    await refused(openai.RateLimitError, "daily_cost_limit", other.videos.create, **SMALL)
    await got(other.close())


async def a_creation_is_repeated_under_its_key(client):
    key = {"Idempotency-Key": f"{openai.VERSION}-{sys.argv[1]}"}
    first, again = [await created(client, extra_headers=key) for _ in range(2)]

    assert again.id == first.id
    changed = SMALL | {"prompt": "another boat", "extra_headers": key}
    await refused(openai.UnprocessableEntityError, "idempotency_key_reused", client.videos.create, **changed)


async def models(client):
    assert "ciotat-1" in [model.id for model in await listed(client.models.list())]
    assert (await got(client.models.retrieve("ciotat-1"))).object == "model"
    await refused(openai.NotFoundError, "unknown_model", client.models.retrieve, "sora-2")


async def webhooks_are_believed_unless_tampered_with(client):
    arrived = Queue()
    with HTTPServer((HOST, int(PORT)), receiver(arrived)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = {"name": "ours", "url": f"http://{HOST}:{PORT}/in"}
        endpoint["event_types"] = ["video.completed", "video.cancelled"]
        known = await got(client.post("/webhook_endpoints", body=endpoint, cast_to=object))
        secret = known["signing_secret"]
        done = await got(client.videos.create_and_poll(**SMALL, extra_body=EXTRA))
        cancelled = await created(client, **LONG)
        await got(client.post(f"/videos/{cancelled.id}/cancel", cast_to=Video))
        told = {}
        while not {done.id, cancelled.id} <= set(told):
            headers, body = await asyncio.to_thread(arrived.get, timeout=30)
            event = await got(client.webhooks.unwrap(body, headers, secret=secret))
            told[event.data.id] = event.type
        server.shutdown()
    await got(client.delete(f"/webhook_endpoints/{known['id']}", cast_to=object))

    assert (told[done.id], told[cancelled.id]) == ("video.completed", "video.cancelled")
    try:
        await got(client.webhooks.unwrap(body.replace(b"video_", b"video-"), headers, secret=secret))
    except openai.InvalidWebhookSignatureError:
        return
    raise AssertionError("a tampered event was believed")


def receiver(arrived):
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()
            arrived.put((dict(self.headers), body))

        def log_message(self, *_):
            pass

    return Receiver


CHECKS = (
    create_as_multipart,
    create_as_json,
    create_with_scalars_that_travel_as_text,
    create_with_metadata,
    lists_are_read_without_their_brackets,
    create_and_poll,
    a_failed_video_is_an_answer,
    list_through_pages,
    content_of_all_variants,
    content_in_ranges,
    a_range_beyond_the_end,
    delete,
    cancel,
    remix_edit_and_extend_are_to_come,
    input_references_are_to_come,
    files,
    errors_are_the_clients_own,
    a_request_keeps_its_id,
    keys_are_asked_for,
    a_limit_is_told,
    a_creation_is_repeated_under_its_key,
    models,
    webhooks_are_believed_unless_tampered_with,
)


async def main():
    report, client = {}, connected()
    wanted = [check for check in CHECKS if check.__name__ in sys.argv[2:] or not sys.argv[2:]]
    for check in wanted:
        print(time.strftime("%X"), check.__name__, file=sys.stderr)
        [outcome] = await asyncio.gather(check(client), return_exceptions=True)
        report[check.__name__] = outcome and "".join(traceback.format_exception(outcome))
    await got(client.close())
    json.dump({"version": openai.VERSION, "checks": report}, sys.stdout)


asyncio.run(main())
