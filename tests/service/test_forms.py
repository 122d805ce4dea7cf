"""Forms that say what no form needs to say, and refusals of requests that are quoted at length."""

import json
import logging
import select
import socket
import time
from contextlib import ExitStack

import httpx2
import pytest

from service.rest.intake import MOST_LARGE
from tests.service.test_events import served

CHARSETS = [
    "undefined",
    "idna",
    "punycode",
    "utf-16",
    "utf-7",
    "unicode_escape",
    "rot13",
    "hex",
    "latin-1",
    "x" * 300,
]
FORM = b'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na boat\r\n--b--\r\n'


def sent(http, charset):
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    return http.post("/v1/videos", content=FORM, headers={"content-type": kind})


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_form_in_another_charset_than_utf_8_is_refused(http, charset):
    reply = sent(http, charset)

    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert "UTF-8" in reply.json()["error"]["message"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii"])
def test_a_form_may_say_that_it_is_utf_8(http, charset):
    assert sent(http, charset).json()["prompt"] == "a boat"


LONG = [{"a" * 40_000: 1}, {"prompt": "a", "model": "m" * 10_000}, {"prompt": "a", "\u00e9" * 9000: ""}]


@pytest.mark.parametrize("long", LONG)
def test_a_refusal_quotes_no_more_than_the_beginning_of_a_request(http, long):
    error = http.post("/v1/videos", json=long).json()["error"]

    assert 0 < len(error["message"]) <= 300
    assert 0 < len(error["param"]) <= 300


def test_a_path_that_leads_nowhere_is_not_told_back_at_length(http):
    assert len(http.get("/" + "a" * 20_000).text) < 500


def test_a_field_without_a_name_is_named_all_the_same(http):
    error = http.post("/v1/videos", json={"prompt": "a", "": 1}).json()["error"]

    assert (error["param"], error["message"]) == ("", "'': unknown field")


LARGE = json.dumps(
    {"prompt": "a", "input_reference": {"image_url": "data:;base64," + "A" * 1_200_000}}
).encode()
PART = b'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n' + b"a" * 1_200_000 + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "kind"), [(LARGE, "application/json"), (PART, "multipart/form-data; boundary=b")]
)
def test_so_many_large_texts_are_read_at_a_time_and_others_are_told_to_come_back(videos, access, body, kind):
    """Those that are being read are sent but for their last byte."""
    with served(videos, access) as (_, address), ExitStack() as stack:
        url = httpx2.URL(address)
        head = f"POST /v1/videos HTTP/1.1\r\nhost: {url.host}\r\ncontent-type: {kind}\r\n"

        def begun():
            connection = stack.enter_context(socket.create_connection((url.host, url.port)))
            connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:-1])
            return connection

        opened = [begun() for _ in range(MOST_LARGE)]

        def post(content):
            headers = {"content-type": kind}
            return httpx2.post(f"{address}/v1/videos", content=content, headers=headers, timeout=30)

        deadline = time.monotonic() + 90
        while (refused := post(body)).status_code != 429:
            assert time.monotonic() < deadline
            answered, _, _ = select.select(
                opened, [], [], 0
            )  # came while one of ours was read: told to come back
            opened = [begun() if each in answered else each for each in opened]
        assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == (
            "request_rate_limit",
            "1",
        )
        assert refused.headers["x-should-retry"] == "true"
        assert post(FORM if "form" in kind else b"{}").status_code in (200, 400)
        for each in opened:
            each.close()
        while post(body).status_code == 429:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_client_that_leaves_while_it_is_read_is_no_failure(videos, access, caplog, kind):
    body = FORM if "form" in kind else b'{"prompt": "a boat"}'
    with served(videos, access) as (server, address):
        url = httpx2.URL(address)
        with socket.create_connection((url.host, url.port)) as connection:
            head = f"POST /v1/videos HTTP/1.1\r\nhost: {url.host}\r\ncontent-type: {kind}\r\n"
            connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:-1])
            deadline = time.monotonic() + 30
            while not server.server_state.tasks:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        while server.server_state.tasks:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert httpx2.get(f"{address}/livez").status_code == 200

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
