"""Uploads: what is in them, what they are called, and the forms that they come in, through both doors."""

import base64
import random

import pytest

from service.pb import files_pb2 as pb
from tests.abuse import media
from tests.abuse.conftest import TIMES
from tests.abuse.forms import FILES, form

pytestmark = pytest.mark.slow

PURPOSE = {"purpose": "vision"}


def sampled(choice, named, count):
    """So many of these, all of them in full."""
    named = list(named)
    choice.shuffle(named)
    return named[:count]


def over_http(target, what, content):
    reply = target.ask(
        what, "POST", "/v1/files", taken=True, files={"file": ("a.png", content)}, data=PURPOSE
    )
    assert b"SECRET" not in reply.content
    return reply


def over_grpc(target, what, content):
    def parts():
        yield pb.UploadFileRequest(header=pb.FileHeader(purpose="vision", filename="a.png"))
        for start in range(0, len(content), 1 << 20):
            yield pb.UploadFileRequest(chunk=content[start : start + (1 << 20)])

    return target.call(what, "UploadFile", parts(), taken=True)


def test_bombs_and_two_things_in_one(target):
    choice = random.Random(1)
    for name, content in sampled(choice, [*media.bombs(), *media.polyglots()], 20 * TIMES):
        over_http(target, f"media: {name}", content)


def test_real_files_that_were_cut_or_changed(target):
    choice = random.Random(2)
    for number in range(12 * TIMES):
        name, content = media.mutated(choice)
        (over_grpc if number % 4 == 0 else over_http)(target, f"media: {name}", content)


def test_pictures_in_data_urls(target):
    choice = random.Random(3)
    for _ in range(4 * TIMES):
        name, content = media.mutated(choice)
        url = choice.choice(["data:image/png;base64,", "data:;base64,", "DATA:text/html;BASE64,"])
        body = {"prompt": "a", "input_reference": {"image_url": url + base64.b64encode(content).decode()}}
        target.ask(f"data: {name}", "POST", "/v1/videos", taken=True, json=body)


def test_forms_of_every_kind(target):
    """None of them has a whole picture, so that nobody needs to look inside."""
    choice = random.Random(4)
    for _ in range(80 * TIMES):
        kind, body = form(choice)
        path = choice.choice(["/v1/files", "/v1/videos", "/v1/videos/edits", "/v1/webhook_endpoints"])
        content = (
            body if choice.random() < 0.7 else iter([body[at : at + 700] for at in range(0, len(body), 700)])
        )
        target.ask(
            f"form: {kind[:40]!r} {body[:90]!r}",
            "POST",
            path,
            taken=True,
            content=content,
            headers={"content-type": kind},
        )


@pytest.mark.parametrize("name", FILES)
def test_names_of_files_name_no_place_of_ours(target, name):
    body = '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nvision\r\n--b\r\n'
    body += f'content-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    content = body.encode("utf-8", "surrogatepass") + media.real()["PNG"] + b"\r\n--b--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=b"}
    with target.timed(f"name: {name!a}"):
        reply = target.http.post("/v1/files", content=content, headers=kind)
    if reply.is_success:
        kept = reply.json()["filename"]
        assert kept
        assert len(kept) <= 255
        assert not set(kept) & set('/\\:\0\r\n\u202e"<>|')
        assert target.http.delete(f"/v1/files/{reply.json()['id']}").status_code == 200
    else:
        assert reply.status_code == 400


def test_what_is_too_large_by_a_byte_or_by_much(target):
    for size in (2_000_001, 2_200_000):
        content = media.real()["PNG"].ljust(size, b"\0")
        assert over_http(target, f"large: {size}", content).json()["error"]["code"] == "media_too_large"
        over_grpc(target, f"large: {size}", content)
    for size in (100_001, 20_971_521, 30_000_000):
        url = "data:image/png;base64," + "A" * size
        for path, body in (
            ("/v1/videos", {"prompt": "a", "input_reference": {"image_url": url}}),
            ("/v1/files", {"a": url}),
        ):
            target.ask(f"large: {path} {size}", "POST", path, json=body)
