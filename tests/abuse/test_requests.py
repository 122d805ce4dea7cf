"""What is no request: JSON, fields, paths, headers and HTTP itself, as no client would send them."""

import json
import random
import socket
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.abuse.conftest import TIMES

pytestmark = pytest.mark.slow

PLENTY = settings(max_examples=60 * TIMES, suppress_health_check=list(HealthCheck), database=None)
FIELDS = [
    "prompt",
    "negative_prompt",
    "model",
    "size",
    "seconds",
    "steps",
    "seed",
    "guidance_scale",
    "metadata",
]
FIELDS += [
    "input_reference",
    "task",
    "video",
    "name",
    "url",
    "event_types",
    "enabled",
    "event_type",
    "purpose",
]
FIELDS += ["__proto__", "constructor", "", "a.b", "a[b]", "a[]", "[", "$ref", "prompt\0", "PROMPT", "пrompt"]
NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    5,
    6,
    20,
    21,
    100,
    101,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
]
NUMBERS += [1e308, -1e308, 5e-324, 0.1, 1.5, 10**30, 10**300]
WORDS = [
    "",
    " ",
    "\0",
    "\x1b[31m",
    "\u202e",
    "\ufeff",
    "\U0010ffff",
    "a" * 2001,
    "é" * 4000,
    "../../etc/passwd",
    "${jndi:x}",
]
WORDS += [
    "'; DROP TABLE",
    "%s%n",
    "{{7*7}}",
    "<script>",
    "NaN",
    "Infinity",
    "1e999",
    "0x10",
    "١٢",
    "1_000",
    "+1",
    " 1 ",
    "true",
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.text(max_size=40),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=12), values, max_size=6)
POSTS = [
    "/v1/videos",
    "/v1/videos/edits",
    "/v1/videos/extensions",
    "/v1/videos/video_x/remix",
    "/v1/webhook_endpoints",
]
POSTS += [
    "/v1/webhook_endpoints/we_x",
    "/v1/webhook_endpoints/we_x/test",
    "/v1/webhook_endpoints/we_x/rotate_secret",
    "/v1/files",
]
JSON = {"content-type": "application/json"}


@PLENTY
@given(path=st.sampled_from(POSTS), body=bodies, prompted=st.booleans())
def test_fields_of_every_kind(target, path, body, prompted):
    given = ({"prompt": "a boat"} if prompted else {}) | body
    target.ask(
        f"fields: {given!a}", "POST", path, taken=True, content=json.dumps(given).encode(), headers=JSON
    )


def broken(text, choice):
    """JSON that is none any more, or not what it seems."""
    ways = [
        lambda: text[: choice.randrange(len(text))],
        lambda: text.replace(b":", b"::", 1),
        lambda: text + text,
        lambda: text.replace(b'"prompt"', b'"prompt": "b", "prompt"'),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.decode().encode(choice.choice(["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])),
        lambda: text.replace(
            b"boat", choice.choice([b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"])
        ),
        lambda: text.replace(
            b"boat", choice.choice([b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b"\\x00", b"\\"])
        ),
        lambda: text.replace(
            b'"a boat"',
            choice.choice([b"NaN", b"-Infinity", b"1e999", b"-", b"01", b"9" * 5000, b"1" + b"0" * 90_000]),
        ),
        lambda: choice.choice([b"[", b'{"a":']) * choice.choice([100, 10_000, 49_000]),
        lambda: b"[" * 20_000 + b"]" * 20_000,
        lambda: b'{"prompt":' + b"[" * 150 + b"]" * 150 + b"}",
        lambda: choice.choice(
            [b"", b" ", b"null", b"[]", b'"a"', b"1", b"true", b"\0", b"prompt=a", b"<a/>"]
        ),
        lambda: b'{"prompt": "' + b"a" * choice.choice([2001, 99_000, 200_000]) + b'"}',
        lambda: b'{"metadata": {' + b",".join(b'"%d": ""' % n for n in range(9000)) + b"}}",
        lambda: bytes(byte ^ (choice.random() < 0.05) * choice.randrange(256) for byte in text),
    ]
    return choice.choice(ways)()


def test_bodies_that_are_no_json(target):
    choice = random.Random(5)
    kinds = [
        "application/json",
        "application/json; charset=utf-16",
        "APPLICATION/JSON;",
        "application/x-www-form-urlencoded",
    ]
    kinds += [
        "text/plain",
        "",
        "application/json, text/html",
        "multipart/form-data",
        "application/octet-stream",
        "a/b; c=d",
    ]
    text = json.dumps({"prompt": "a boat", "seconds": 1, "metadata": {"a": "b"}}).encode()
    for _ in range(60 * TIMES):
        kind = kinds[0] if choice.random() < 0.7 else choice.choice(kinds)
        body = broken(text, choice)
        target.ask(
            f"json: {kind} {body[:60]!r}",
            "POST",
            choice.choice(POSTS),
            taken=True,
            content=body,
            headers={"content-type": kind},
        )


PATHS = [
    "/v1/videos/{}",
    "/v1/videos/{}/content",
    "/v1/videos/{}/events",
    "/v1/files/{}",
    "/v1/files/{}/content",
    "/v1/models/{}",
]
PATHS += [
    "/v1/webhook_endpoints/{}",
    "/v1/webhook_endpoints/{}/deliveries",
    "/objects/{}",
    "/v1/videos/characters/{}",
    "/{}",
]
SEGMENTS = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "a%00b",
    "%ff%fe",
    "%ed%a0%80",
    "video_x%0d%0aset-cookie:a",
    "%",
    "%zz",
]
SEGMENTS += [
    "a" * 8000,
    "%e2%80%ae",
    "*",
    "[a]",
    "{a}",
    ";a=b",
    "video_" + "0" * 32,
    "video_" + "０" * 32,
    "signing.key",
    ".type",
    "%5c..%5c",
]
QUERIES = ["after", "limit", "order", "variant", "purpose", "expires", "signature", "x"]


def test_paths_and_parameters_that_name_nothing(target):
    choice = random.Random(6)
    for _ in range(60 * TIMES):
        segment = choice.choice(
            [choice.choice(SEGMENTS), "".join(f"%{byte:02x}" for byte in choice.randbytes(6))]
        )
        path = choice.choice(PATHS).format(segment)
        method = choice.choice(["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
        words = [str(choice.choice([*NUMBERS, *WORDS])) for _ in range(2)]
        params = {choice.choice(QUERIES): word for word in words if "\0" not in word}
        if path.startswith(("/v1/models", "/v1/videos/..", "/..", "/v1/files/..")):
            params = {"limit": "x"}
        target.ask(f"path: {method} {path[:60]} {params!a}", method, path, taken=True, params=params)


LISTS = ["/v1/videos", "/v1/files", "/v1/webhook_endpoints"]


@PLENTY
@given(
    path=st.sampled_from(LISTS),
    name=st.sampled_from(QUERIES),
    value=st.sampled_from(WORDS) | st.text(max_size=50) | st.sampled_from(NUMBERS).map(str),
)
def test_parameters_of_lists(target, path, name, value):
    target.ask(
        f"parameters: {name}={value!a}",
        "GET",
        path,
        taken=True,
        params={name: value.encode("utf-8", "replace")},
    )


HEADERS = [
    "idempotency-key",
    "last-event-id",
    "range",
    "if-none-match",
    "if-range",
    "x-request-id",
    "content-type",
    "accept",
]
HEADERS += [
    "authorization",
    "content-encoding",
    "expect",
    "cookie",
    "origin",
    "x-forwarded-for",
    "traceparent",
]


def test_headers_of_every_kind(target):
    choice = random.Random(7)
    texts = [
        b"",
        b"\xff",
        b"\xe9" * 300,
        b"a" * 300,
        b"0-0",
        b"9" * 40,
        b"bytes=" + b"0-0," * 3000,
        b"bytes=9-1",
        b"*",
        b'"' * 50,
    ]
    texts += [
        b"Bearer",
        b"Bearer x",
        b"Bearer " + b"a" * 20_000,
        b"Basic \xff",
        b"gzip",
        b"../",
        b"1-2-3",
        b"\x7f",
        b"x\ty",
        b"-1-1",
    ]
    for _ in range(60 * TIMES):
        headers = [
            (choice.choice(HEADERS).encode(), choice.choice(texts))
            for _ in range(choice.choice([1, 1, 2, 40]))
        ]
        method, path = choice.choice(
            [
                ("POST", "/v1/videos"),
                ("GET", "/v1/videos/video_x/content"),
                ("GET", "/v1/videos/video_x/events"),
                ("POST", "/v1/files"),
            ]
        )
        target.ask(
            f"headers: {headers[0]!r}",
            method,
            path,
            headers=headers,
            **({"json": {"prompt": 1}} if method == "POST" else {}),
        )


def raw(choice, address):
    """What is hardly HTTP: lengths that lie, chunks that are none, lines without an end."""
    host = f"host: {address}\r\n".encode()
    post = b"POST /v1/videos HTTP/1.1\r\n" + host + b"content-type: application/json\r\n"
    chunked = post + b"transfer-encoding: chunked\r\n\r\n"
    ways = [
        lambda: (
            chunked
            + choice.choice(
                [
                    b"zz\r\n",
                    b"-1\r\n",
                    b"ffffffffffffffffff\r\n",
                    b"5\r\nab",
                    b"5;" + b"a" * 50_000 + b"\r\n",
                    b"0x5\r\nabcde\r\n",
                    b"\r\n",
                ]
            )
        ),
        lambda: (
            post
            + b"content-length: "
            + choice.choice([b"-1", b"1e9", b"99999999999999999999", b"5, 5", b"+5", b" ", b"0x5", b"\xb2"])
            + b"\r\n\r\n{}"
        ),
        lambda: post + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}    ",
        lambda: post + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        lambda: post + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        lambda: (
            b"GET /v1/videos HTTP/"
            + choice.choice([b"0.9", b"1.2", b"2.0", b"9.9", b"x"])
            + b"\r\n"
            + host
            + b"\r\n"
        ),
        lambda: b"GET " + b"/a" * choice.choice([100, 40_000]) + b" HTTP/1.1\r\n" + host + b"\r\n",
        lambda: (
            b"GET / HTTP/1.1\r\n"
            + host
            + b"".join(b"x-%d: a\r\n" % n for n in range(choice.choice([200, 9000])))
            + b"\r\n"
        ),
        lambda: b"GET / HTTP/1.1\r\n" + host + b"x: " + b"a" * 100_000 + b"\r\n\r\n",
        lambda: (
            b"GET / HTTP/1.1\r\n"
            + host
            + choice.choice(
                [b" folded\r\n", b"a b: c\r\n", b": a\r\n", b"a\0: b\r\n", b"a: \0\r\n", b"a\r\n"]
            )
            + b"\r\n"
        ),
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda: bytes([22, 3, 1]) + choice.randbytes(200),
        lambda: choice.randbytes(300),
        lambda: b"GET http://169.254.169.254/ HTTP/1.1\r\n" + host + b"\r\n",
        lambda: b"CONNECT 127.0.0.1:6379 HTTP/1.1\r\n" + host + b"\r\n",
        lambda: b"GET /v1/videos HTTP/1.1\r\n" + host * 2 + b"\r\n",
        lambda: b"GET /v1/videos HTTP/1.1\r\n\r\n",
        lambda: b"".join(choice.choice(string.printable).encode() for _ in range(200)) + b"\r\n\r\n",
    ]
    return choice.choice(ways)()


def test_bytes_that_are_hardly_http(target):
    choice = random.Random(8)
    url = target.http.base_url
    for _ in range(40 * TIMES):
        sent = raw(choice, url.host)
        with (
            target.timed(f"bytes: {sent[:60]!r}"),
            socket.create_connection((url.host, url.port)) as connection,
        ):
            connection.settimeout(10)
            answer = b""
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    answer += piece
            except (ConnectionError, BrokenPipeError):
                pass
        assert not answer or answer.split(b" ")[1][:1] in (b"4", b"2"), (sent[:200], answer[:200])
        assert b"secret" not in answer


def test_others_are_answered_after_all_of_it(target):
    assert target.http.get("/v1/models").json()["data"][0]["id"] == "ciotat-1"
