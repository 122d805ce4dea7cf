"""What may be called on behalf of a client: how its address is written, and where it leads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from service.outbound.errors import UrlRefused
from worker.kinds import listed
from worker.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_CHARACTERS = 2048
_NAME = re.compile(
    r"(?!.{254})(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_NUMBER = re.compile(
    r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)"
)  # what the C library reads as IPv4 in one of its many forms
_UNICAST = ip_network(
    "2000::/3"
)  # IPv6 that is assigned; forms that carry an IPv4 address lie outside, but for 6to4
_NAT64 = IPv6Network("64:ff9b::/96")  # how an IPv6-only machine is told of IPv4 hosts
_NEVER = tuple(  # `is_global` of one Python or another says yes to these
    ip_network(each)
    for each in (
        "168.63.129.16/32",  # Azure's host agent, in public space
        "192.0.0.0/24",  # protocol assignments: the nearest NAT itself (PCP), Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # protocol assignments: Teredo, ORCHID, the nearest NAT itself
        "2002::/16",  # 6to4: any IPv4 address, private ones too
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether the address is a machine of the open internet, by IANA's special-purpose registries."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in each for each in _NEVER)


@dataclass(frozen=True)
class Rules:
    """What the operator lets clients' addresses lead to; the defaults are for the open internet alone."""

    http: bool = False
    ports: frozenset[int] = frozenset({80, 443, 8443})
    networks: tuple[Network, ...] = field(default=())  # may be called although they are not public

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """The rules that these settings say."""
        return cls(
            settings.outbound_http,
            frozenset(map(int, listed(settings.outbound_ports))),
            tuple(map(ip_network, listed(settings.outbound_networks))),
        )

    def allow(self, address: str) -> bool:
        """Whether this address, as a resolver told it, may be connected to."""
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self.networks) or is_public(known)

    def allow_all(self, addresses: Iterable[str]) -> bool:
        """Whether none of these addresses is one that may not be connected to."""
        return all(map(self.allow, addresses))

    def read(self, url: str) -> httpx2.URL:
        """The address, parsed, unless it shows by itself that it may not be called."""
        if len(url) > MOST_CHARACTERS:
            raise UrlRefused(f"the address is longer than {MOST_CHARACTERS} characters")
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL:
            raise UrlRefused("this is not an address of the web") from None
        schemes = ("https", "http") if self.http else ("https",)
        if parsed.scheme not in schemes:
            raise UrlRefused(f"the address must begin with {' or '.join(f'{each}://' for each in schemes)}")
        if parsed.userinfo or "@" in parsed.netloc.decode("ascii"):
            raise UrlRefused("credentials do not belong in an address")
        if self.port_of(parsed) not in self.ports:
            raise UrlRefused(f"the port must be one of {', '.join(map(str, sorted(self.ports)))}")
        return parsed.copy_with(host=self._host(parsed.raw_host.decode("ascii")), fragment=None)

    @staticmethod
    def port_of(url: httpx2.URL) -> int:
        """The port, also where it is the scheme's own."""
        return {"https": 443, "http": 80}[url.scheme] if url.port is None else url.port

    def _host(self, host: str) -> str:
        host = host.removesuffix(".")  # an absolute name; certificates are written without the dot
        if ":" in host or _NUMBER.fullmatch(host):
            try:
                literal = ip_address(host)
            except ValueError:
                raise UrlRefused("the host is neither a name nor a plain IP address") from None
            if "%" in host or not self.allow(str(literal)):
                raise UrlRefused("the host is not an address of the public internet")
            return str(literal)
        if not _NAME.fullmatch(host):
            raise UrlRefused("the host is neither a name nor a plain IP address")
        return host
