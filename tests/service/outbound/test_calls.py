import gzip
import itertools
import threading
import time
from ipaddress import ip_network

import pytest

from service.outbound import AnswerRefused, AnswerTooLarge, Outbound, Rules, TimedOut, Unreachable, UrlRefused
from tests.service.outbound.servers import certified, saying, serving, trusting

MOST = 10_000


def outbound(*servers, names=None, http=True, networks=("127.0.0.2/32",)):
    """Calls that may go to one loopback address; every name leads there, or where `names` says."""
    ports = frozenset(server.port for server in servers)
    rules = Rules(http, ports, tuple(map(ip_network, networks)))
    return Outbound(rules, lambda host: (names or {}).get(host, ["127.0.0.2"]), trusting())


def open_server(answer, **options):
    return serving(answer, "127.0.0.2", **options)


def test_what_lies_at_an_address_is_fetched():
    with open_server(saying(200, b"a picture", content_type="image/png")) as server:
        fetched = outbound(server).fetch(f"http://pictures.example:{server.port}/a?b=c#d", MOST, 5)

    assert fetched == (b"a picture", "image/png")
    head = server.heads[0].decode()
    assert head.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"host: pictures.example:{server.port}\r\n" in head.lower()
    assert head.lower().count("host:") == 1
    assert "accept-encoding: identity" in head.lower()


def test_over_tls_the_name_is_asked_for_and_checked_although_an_address_is_connected_to():
    tls = certified("pictures.example")
    with open_server(saying(200, b"a picture"), tls=tls) as server:
        calls = outbound(server, http=False)

        assert calls.fetch(f"https://pictures.example:{server.port}/", MOST, 5).content == b"a picture"
        with pytest.raises(Unreachable):
            calls.fetch(f"https://another.example:{server.port}/", MOST, 5)
        with pytest.raises(Unreachable):
            Outbound(
                Rules(ports=frozenset({server.port}), networks=(ip_network("127.0.0.2"),)),
                lambda _: ["127.0.0.2"],
            ).fetch(f"https://pictures.example:{server.port}/", MOST, 5)


def test_a_body_is_posted_with_its_headers():
    with open_server(saying(204)) as server:
        status = outbound(server).post(
            f"http://hooks.example:{server.port}/in", b"{}", {"webhook-id": "1"}, 5
        )

    assert status == (204, None)
    head = server.heads[0].decode().lower()
    assert head.startswith("post /in http/1.1\r\n")
    assert "webhook-id: 1\r\n" in head
    assert "content-length: 2\r\n" in head


@pytest.mark.parametrize(
    ("said", "wait"), [("7", 7.0), ("soon", None), ("-1", None), ("9" * 400, None), (None, None)]
)
def test_a_receiver_may_say_when_to_come_back(said, wait):
    with open_server(saying(503, **({} if said is None else {"retry_after": said}))) as server:
        assert outbound(server).post(f"http://a.example:{server.port}/", b"", {}, 5) == (503, wait)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_follows_no_redirect(status):
    with (
        open_server(saying(200)) as target,
        open_server(saying(status, location=f"http://other.example:{target.port}/")) as server,
    ):
        assert (
            outbound(server, target).post(f"http://a.example:{server.port}/", b"{}", {}, 5).status == status
        )

    assert target.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_fetch_follows_a_redirect_to_where_it_may_go(status):
    with (
        open_server(saying(200, b"found")) as target,
        open_server(saying(status, location=f"http://other.example:{target.port}/")) as server,
    ):
        fetched = outbound(server, target).fetch(f"http://a.example:{server.port}/", MOST, 5)

    assert fetched.content == b"found"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::1]:{port}/",
        "http://internal.example:{port}/",
        "//internal.example:{port}/",
        "http://user@internal.example:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://internal.example:22/",
    ],
)
def test_a_redirect_into_our_own_network_is_not_followed(location):
    with serving(saying(200, b"secret")) as internal:
        answer = saying(302, location=location.format(port=internal.port))
        with open_server(answer) as server:
            calls = outbound(server, internal, names={"internal.example": ["127.0.0.1"]})
            with pytest.raises((Unreachable, UrlRefused)):
                calls.fetch(f"http://a.example:{server.port}/", MOST, 5)

    assert (server.connections, internal.connections) == (1, 0)


def test_redirects_end():
    with open_server(saying(302, location="/again")) as server, pytest.raises(AnswerRefused, match="3 times"):
        outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 5)

    assert server.connections == 4


def test_a_redirect_to_plain_http_is_refused():
    answer = saying(302, location="http://a.example/")
    with open_server(answer, tls=certified("a.example")) as server, pytest.raises(UrlRefused):
        outbound(server, http=False).fetch(f"https://a.example:{server.port}/", MOST, 5)


def test_a_name_that_changes_its_address_after_the_check_changes_nothing():
    with (
        open_server(saying(200, b"public")) as public,
        serving(saying(200, b"secret"), port=public.port) as own,
    ):
        answers = iter([["127.0.0.2"], ["127.0.0.1"]])
        asked = []

        def rebinding(host):
            asked.append(host)
            return next(answers)

        rules = Rules(True, frozenset({public.port}), (ip_network("127.0.0.2"),))
        calls = Outbound(rules, rebinding)
        url = f"http://rebinding.example:{public.port}/"

        assert calls.fetch(url, MOST, 5).content == b"public"
        assert asked == ["rebinding.example"]
        with pytest.raises(Unreachable):
            calls.fetch(url, MOST, 5)

    assert own.connections == 0


def test_a_name_that_changes_its_address_between_redirects_is_checked_again():
    with open_server(saying(302, location="/again")) as public, serving(saying(200), port=public.port) as own:
        answers = iter([["127.0.0.2"], ["127.0.0.1"]])
        rules = Rules(True, frozenset({public.port}), (ip_network("127.0.0.2"),))

        with pytest.raises(Unreachable):
            Outbound(rules, lambda host: next(answers)).fetch(f"http://a.example:{public.port}/", MOST, 5)

    assert (public.connections, own.connections) == (1, 0)


def test_one_private_address_among_several_is_one_too_many():
    with open_server(saying(200)) as public, serving(saying(200), port=public.port) as own:
        for addresses in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
            with pytest.raises(Unreachable):
                outbound(public, names={"a.example": addresses}).fetch(
                    f"http://a.example:{public.port}/", MOST, 5
                )

    assert (public.connections, own.connections) == (0, 0)


def test_the_next_address_is_tried_where_the_first_does_not_answer():
    with open_server(saying(200, b"found")) as server:
        calls = outbound(server, names={"a.example": ["127.0.0.3", "127.0.0.2"]}, networks=("127.0.0.2/31",))

        assert calls.fetch(f"http://a.example:{server.port}/", MOST, 5).content == b"found"


def test_an_address_in_brackets_is_called():
    with serving(saying(200, b"six"), "::1") as server:
        calls = outbound(server, networks=("::1/128",), names={"::1": ["::1"]})

        assert calls.fetch(f"http://[::1]:{server.port}/", MOST, 5).content == b"six"
    assert f"host: [::1]:{server.port}\r\n".encode() in server.heads[0].lower()


def dripping(content):
    """Sends a byte now and then, for ever: no single wait is long."""

    def answer(stream, head):
        stream.sendall(content)
        while True:
            time.sleep(0.05)
            stream.sendall(b"x")

    return answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: ",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
@pytest.mark.parametrize("secured", [False, True])
def test_a_server_that_drips_is_cut_off_in_time(content, secured):
    tls = certified("a.example") if secured else None
    with open_server(dripping(content), tls=tls) as server:
        began = time.monotonic()
        with pytest.raises(TimedOut, match=r"within 0\.5 s"):
            outbound(server).fetch(f"http{'s' if secured else ''}://a.example:{server.port}/", MOST, 0.5)

    assert time.monotonic() - began < 2


def test_the_time_is_that_of_all_redirects_together():
    def slowly(stream, head):
        time.sleep(0.4)
        saying(302, location="/again")(stream, head)

    with open_server(slowly) as server, pytest.raises(TimedOut):
        outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 0.9)

    assert server.connections == 3


def test_a_receiver_that_reads_nothing_is_cut_off_in_time():
    with open_server(lambda stream, head: time.sleep(5)) as server:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            outbound(server).post(f"http://a.example:{server.port}/", bytes(64 << 20), {}, 0.5)

    assert time.monotonic() - began < 2


def test_a_name_server_that_is_silent_is_not_waited_for():
    over = threading.Event()

    def silent(host):
        over.wait(10)
        return ["127.0.0.2"]

    began = time.monotonic()
    with pytest.raises(Unreachable):
        Outbound(resolve=silent).fetch("https://a.example/", MOST, 0.3)
    over.set()

    assert time.monotonic() - began < 2


def endless(head, piece):
    def answer(stream, request):
        stream.sendall(head)
        while True:
            stream.sendall(piece)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        saying(200, bytes(MOST + 1)),
        saying(200, b"", content_length=10**12),
        saying(200, bytes(MOST + 1), content_length=None),
        endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1000)),
        endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["larger", "promised", "unframed", "endless", "chunks", "informational"],
)
def test_more_bytes_than_are_wanted_are_not_read(answer):
    with open_server(answer) as server, pytest.raises(AnswerTooLarge):
        outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 5)


def test_as_many_bytes_as_are_wanted_are_read():
    with open_server(saying(200, bytes(MOST))) as server:
        assert len(outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 5).content) == MOST


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"HTTP/1.1 200 OK\r\nx-a: ", bytes(b"a" * 1000)),
        endless(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
        saying(200, gzip.compress(bytes(10 << 20)), content_encoding="gzip"),
        saying(200, b"x", content_encoding="br"),
        saying(200, b"short", content_length=4000),
        saying(404, b"nothing"),
        saying(206, b"a part"),
        saying(302),
        saying(302, location="http://a.example:b/"),
        lambda stream, head: stream.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda stream, head: None,
    ],
    ids=["header", "headers", "bomb", "br", "short", "404", "206", "nowhere", "nonsense", "ssh", "nothing"],
)
def test_an_answer_that_is_not_what_was_asked_for_is_refused(answer):
    with open_server(answer) as server, pytest.raises(AnswerRefused):
        outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 5)


def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    with serving(saying(200, b"by proxy")) as proxy, open_server(saying(200, b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert outbound(server).fetch(f"http://a.example:{server.port}/", MOST, 5).content == b"direct"
    assert proxy.connections == 0


def test_no_cookie_is_kept():
    with open_server(saying(200, b"x", set_cookie="a=b")) as server:
        calls = outbound(server)
        for _ in range(2):
            calls.fetch(f"http://a.example:{server.port}/", MOST, 5)

    assert b"cookie" not in server.heads[1].lower()


def test_the_machines_own_resolver_is_asked():
    with serving(saying(200, b"here")) as server:
        rules = Rules(True, frozenset({server.port}), tuple(map(ip_network, ("127.0.0.0/8", "::1/128"))))

        assert Outbound(rules).fetch(f"http://localhost:{server.port}/", MOST, 5).content == b"here"
        with pytest.raises(Unreachable):
            Outbound(Rules(True, frozenset({server.port}))).fetch(f"http://localhost:{server.port}/", MOST, 5)
    assert server.connections == 1


def test_many_calls_at_once_do_not_mix():
    numbers = itertools.count()

    def numbered(stream, head):
        saying(200, head.split()[1][1:])(stream, head)

    with open_server(numbered) as server:
        calls = outbound(server)
        wrong = []

        def call():
            number = str(next(numbers)).encode()
            if calls.fetch(f"http://a.example:{server.port}/{number.decode()}", MOST, 5).content != number:
                wrong.append(number)

        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
