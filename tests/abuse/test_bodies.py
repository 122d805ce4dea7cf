"""Bodies that are no JSON, or not what they seem."""

import json
import random

import pytest

from tests.abuse.conftest import TIMES
from tests.abuse.words import POSTS

pytestmark = pytest.mark.slow


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
