from ipaddress import ip_address, ip_network

import pytest

from service.outbound import Outbound, Rules, Unreachable, UrlRefused
from service.outbound.addresses import is_public
from worker.settings import Settings

# ruff: noqa: SIM905 - a list of addresses reads better as text
PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254
    172.16.0.1 172.31.255.255 192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1
    198.51.100.1 203.0.113.1 224.0.0.1 224.0.1.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 2002:7f00:1::
    2002:a00:1::1 2002:808:808::1 2001::1 2001:1::1 2001:20::1 2001:db8::1 3fff::1 5f00::1 fe80::1
    fe80::a9fe:a9fe fec0::1 fc00::1 fd00:ec2::254 fd20:ce::254 ff02::1 ff0e::1 100::1 4000::1 8000::1
""".split()

PUBLIC = """
    1.1.1.1 8.8.8.8 99.255.255.255 172.32.0.1 192.0.1.1 2606:4700::1111 2001:4860::8888 64:ff9b::8.8.8.8
""".split()


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_no_machine_of_the_open_internet_is_not_called(address):
    assert not is_public(ip_address(address))
    with pytest.raises(Unreachable):
        Outbound(resolve=lambda host: [address]).fetch("https://innocent.example/", 10, 1)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address):
    assert is_public(ip_address(address))
    assert Rules().allow_all([address])


@pytest.mark.parametrize("address", PRIVATE)
def test_one_private_address_among_public_ones_spoils_the_name(address):
    assert not Rules().allow_all(["8.8.8.8", address])
    assert not Rules().allow_all([address, "8.8.8.8"])


HOSTILE = [
    "",
    "/etc/passwd",
    "//example.com/",
    "https:///example.com",
    "https:example.com",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "https://user@example.com/",
    "https://user:hunter2@example.com/",
    "https://:hunter2@example.com/",
    "https://:@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://127.0.0.1%2f@example.com/",
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:6379/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://example.com:443:443/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0X7F.1/",
    "https://0/",
    "https://8.8.8.8.8/",
    "https://8.8.2056/",
    "https://example.123/",
    "https://169.254.169.254/latest/meta-data/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://ⓛocalhost/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[2606:4700::1111%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[v1.x]/",
    "https://[::1/",
    "https://example..com/",
    "https://example.com../",
    "https://./",
    "https://exa mple.com/",
    "https://exa%6dple.com/",
    "https://example.com%00.evil.example/",
    "https://example.com\r\nx: y/",
    "https://example.com/\x00",
    "https://example.com/a\nb",
    "https://-example.com/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 127 + "example/",
    "https://example.com/" + "a" * 2048,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_that_shows_what_it_is_is_refused_before_anything_is_asked(url):
    asked = []
    outbound = Outbound(resolve=asked.append)

    for call in (
        lambda: outbound.check(url),
        lambda: outbound.fetch(url, 10, 1),
        lambda: outbound.post(url, b"", {}, 1),
    ):
        with pytest.raises(UrlRefused) as refused:
            call()
        assert "hunter2" not in str(refused.value)
    assert asked == []


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com", "example.com", 443),
        ("HTTPS://EXAMPLE.COM./a?b#c", "example.com", 443),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example", 443),
        ("https://example.com:8443/", "example.com", 8443),
        ("https://my_bucket.s3.example.com/", "my_bucket.s3.example.com", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443),
    ],
)
def test_an_ordinary_address_is_read(url, host, port):
    read = Rules().read(url)

    assert (read.raw_host.decode(), Rules.port_of(read), read.fragment) == (host, port, "")


def test_what_is_called_and_what_does_not_exist_are_refused_in_the_same_words():
    """Names of our own network must not be told from names that do not exist."""

    def nowhere(host):
        raise OSError("no such name")

    told = set()
    for resolve in (nowhere, lambda host: [], lambda host: ["10.0.0.7"], lambda host: ["nonsense"]):
        with pytest.raises(Unreachable) as refused:
            Outbound(resolve=resolve).fetch("https://redis.internal/", 10, 1)
        told.add(str(refused.value))

    assert told == {"the host cannot be reached"}


def test_the_operator_opens_networks_ports_and_http():
    settings = Settings(
        outbound_http=True, outbound_ports="80, 9000", outbound_networks="10.1.2.0/24, fd00:1::/32"
    )
    rules = Rules.of(settings)

    assert rules == Rules(True, frozenset({80, 9000}), (ip_network("10.1.2.0/24"), ip_network("fd00:1::/32")))
    assert rules.allow("10.1.2.3")
    assert not rules.allow("10.1.3.1")
    assert rules.allow("fd00:1::7")
    assert not rules.allow("::ffff:10.1.2.3")
    assert rules.read("http://10.1.2.3:9000/").port == 9000
    with pytest.raises(UrlRefused, match="443"):
        Rules().read("https://example.com:9000/")
    assert Rules.of(Settings()) == Rules()
