"""Paths, parameters and headers that name nothing."""

import random

import pytest

from tests.abuse.conftest import TIMES
from tests.abuse.words import NUMBERS, QUERIES, WORDS

pytestmark = pytest.mark.slow

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
