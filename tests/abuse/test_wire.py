"""What is hardly HTTP: lengths that lie, chunks that are none, lines without an end."""

import random
import socket
import string

import pytest

from tests.abuse.conftest import TIMES

pytestmark = pytest.mark.slow


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
