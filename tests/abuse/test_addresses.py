"""Addresses that must not be called, in every notation, as a client may give them and as a redirect may."""

import random
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

import pytest

from tests.abuse.conftest import OPEN, TIMES

pytestmark = pytest.mark.slow

PRIVATE = """127.0.0.1 127.0.0.3 10.0.0.1 169.254.169.254 192.168.1.1 172.16.0.1 100.64.0.1 0.0.0.0 168.63.129.16
192.0.0.192 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255""".split()  # noqa: SIM905
SIX = """::1 :: fe80::1 fd00:ec2::254 fc00::1 ff02::1 fec0::1 2001:db8::1 100::1 5f00::1""".split()  # noqa: SIM905
AS_HOST = 40  # of one address


def wide(text):
    """The same in digits and dots that are not ASCII, and mean the same to those who normalise."""
    return text.translate({ord(each): chr(ord(each) + 0xFEE0) for each in "0123456789."})


def circled(text):
    return "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(each)] if each.isdecimal() else each for each in text)


def hosts_of(address):
    """One IPv4 address as it is written by those who want it to be missed."""
    number = int(IPv4Address(address))
    a, b, c, d = IPv4Address(address).packed
    high, low = number >> 16, number & 0xFFFF
    dashed = address.replace(".", "-")
    yield from (address, f"{address}.", f"{address}..", f" {address}", f"{address}%20")
    yield from (
        str(number),
        hex(number),
        f"0X{number:X}",
        f"0{number:o}",
        str(number + (1 << 32)),
        f"{number}.",
    )
    yield from (
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{low}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
    )
    yield from (
        f"{a:#x}.{b}.0{c:o}.{d}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"0x{number:016x}",
        f"{a}.{b}.{c}.{d + 256}",
    )
    yield from (
        wide(address),
        circled(address),
        address.replace(".", "。"),
        address.replace(".", "%2e"),
        quote(wide(address)),
    )
    yield from (
        f"[::ffff:{address}]",
        f"[::ffff:{high:x}:{low:x}]",
        f"[::{address}]",
        f"[::{high:x}:{low:x}]",
    )
    yield from (f"[64:ff9b::{address}]", f"[64:ff9b::{high:x}:{low:x}]", f"[64:ff9b:1::{address}]")
    yield from (
        f"[2002:{high:x}:{low:x}::]",
        f"[2002:{high:x}:{low:x}::1]",
        f"[::ffff:0:{address}]",
        f"[fe80::5efe:{address}]",
    )
    yield from (f"[{IPv6Address(f'::ffff:{address}').exploded.upper()}]", f"[2001:0:{high:x}:{low:x}::]")
    yield from (f"x-{dashed}.abuse.example", f"X-{dashed}.ABUSE.example.", f"both-{dashed}.abuse.example")
    yield from (
        f"user@{address}",
        f"user:hunter2@{address}",
        f"{OPEN}@{address}",
        f"{OPEN}\\@{address}",
        f"{address}#@{OPEN}",
    )
    yield from (f"{address}%00.{OPEN}", f"{address}\t", f"{address}\r\nhost: a", f"{OPEN}%2f@{address}")


def hosts():
    """All notations of all addresses."""
    for address in PRIVATE:
        yield from hosts_of(address)
    for address in SIX:
        full = IPv6Address(address).exploded
        yield from (
            f"[{address}]",
            f"[{full}]",
            f"[{full.upper()}]",
            f"[{address}%25lo]",
            f"[{address}%lo]",
            f"[{address}%251]",
        )
        yield from (
            f"[{address}",
            f"{address}]",
            f"six-{int(IPv6Address(address)):x}.abuse.example",
            f"[[{address}]]",
        )
    yield from (
        "localhost",
        "LOCALHOST.",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "localhost%00",
        "loc%61lhost",
        "",
        ".",
        "[]",
        "[v1.a]",
        "a" * 300,
    )


HOSTS = sorted(set(hosts()))
SCHEMES = [
    "http://{}:{}/",
    "HTTP://{}:{}",
    "http:/{}:{}/",
    "http:///{}:{}/",
    "//{}:{}/",
    "http:{}:{}",
    "ftp://{}:{}/",
]
SCHEMES += [
    "gopher://{}:{}/_",
    "file://{}:{}/etc/passwd",
    "http://{}:{}?@",
    " http://{}:{}/",
    "https://{}:{}/",
    "dict://{}:{}/",
]


def urls(port, count, seed):
    """Every host under the plain scheme, then hosts under all of them; of these so many."""
    choice = random.Random(seed)
    plain = [f"http://{host}:{port}/" for host in HOSTS]
    others = [scheme.format(host, port) for host in HOSTS for scheme in SCHEMES[1:]]
    choice.shuffle(plain)
    choice.shuffle(others)
    return (plain + others)[:count]


def test_no_notation_leads_into_our_network_as_the_address_of_a_picture(target, traps):
    for url in urls(traps[0].port, 60 * TIMES, 1):
        body = {"prompt": "a", "input_reference": {"image_url": url}}
        reply = target.ask(f"image_url: {url!a}", "POST", "/v1/videos", json=body)

        error = reply.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "input_reference"), (url, error)
        assert "secret" not in reply.text
        assert "hunter2" not in error["message"]


def test_no_notation_leads_into_our_network_through_a_redirect(target, traps):
    outside, _ = traps
    before = outside.connections
    for url in urls(outside.port, 40 * TIMES, 2):
        through = f"http://{OPEN}:{outside.port}/?to={quote(url, safe='')}"
        if len(through) > 2048:
            continue
        body = {"prompt": "a", "input_reference": {"image_url": through}}
        reply = target.ask(f"redirect: {url!a}", "POST", "/v1/videos", json=body)

        assert reply.json()["error"]["param"] == "input_reference"
    assert outside.connections > before  # the redirect itself was fetched


def test_no_name_leads_into_our_network_after_it_has_changed_its_mind(target, traps):
    """Each is 127.0.0.2 when it is looked up first, and leads to itself: by then it is another."""
    outside, _ = traps
    for address in PRIVATE[: 4 * TIMES]:
        url = f"http://turn-{address.replace('.', '-')}.abuse.example:{outside.port}/?to=%2F"
        for _ in range(2):
            body = {"prompt": "a", "input_reference": {"image_url": url}}
            target.ask(f"rebinding: {address}", "POST", "/v1/videos", json=body)


def test_no_notation_leads_into_our_network_as_the_address_of_webhooks(target, traps):
    """A name is taken, and refused when it is called: who asks for a trial is told no more than that."""
    for url in urls(traps[0].port, 40 * TIMES, 3):
        hook = {"name": "a", "url": url, "event_types": ["video.completed"]}
        with target.timed(f"webhook: {url!a}"):
            made = target.http.post("/v1/webhook_endpoints", json=hook)
        if made.is_success:
            path = f"/v1/webhook_endpoints/{made.json()['id']}"
            trial = {"event_type": "video.completed"}
            reply = target.ask(f"trial: {url!a}", "POST", f"{path}/test", json=trial)
            assert reply.json()["error"]["code"] == "webhook_endpoint_unreachable"
            assert target.http.delete(path).status_code == 200
        else:
            assert (made.status_code, made.json()["error"]["param"]) == (400, "url"), url
