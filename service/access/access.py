"""Who is asking: a key's tenant, or, as long as there are no keys, whoever sits at this machine."""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.access.keys import Keys
from service.errors import InvalidKey, KeyMissing, NotLocal

REMEDY = "make an API key with `ciotat keys create --tenant NAME`"
REVOKED = "this API key is unknown or was revoked"
bearer = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", description="a key made with `ciotat keys create`"
)


Standing = Callable[[], None]


class Access:
    """Lets a request in, or not, in the same way through both doors."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def check_address(self, host: str) -> None:
        """Raise unless a server may listen there: without keys, where this machine alone can reach it."""
        if not loopback(host) and not self._keys.any():
            raise NotLocal(
                f"without API keys this service listens on loopback alone, not on {host!r}: {REMEDY}"
            )

    def caller(self, key: str | None, local: bool) -> str:
        """The tenant of the key; without any keys, the default one, where the request is `local`."""
        known = self._keys.authorize(key or "")
        if known is None and key is None:
            raise KeyMissing("this service needs an API key: authorization: Bearer ciotat_...")
        if known is None:
            raise InvalidKey(REVOKED)
        if known.open and not local:
            raise NotLocal(f"this service has no API keys yet, and so answers this machine alone: {REMEDY}")
        return known.tenant

    def standing(self, key: str | None) -> Standing:
        """Raises InvalidKey, whenever it is called, where a stream that was opened with this key must end."""

        def check() -> None:
            if not self._keys.good(key or ""):
                raise InvalidKey(REVOKED)

        return check


def asking(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """The tenant on whose behalf an HTTP request comes."""
    access: Access = request.app.state.access
    return access.caller(given.credentials if given else None, _from_here(request))


def staying(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Standing:
    """Whether who asks may go on listening to what is told for long."""
    access: Access = request.app.state.access
    return access.standing(given.credentials if given else None)


Caller = Annotated[str, Depends(asking)]
Stays = Annotated[Standing, Depends(staying)]


def bearing(authorization: str | bytes | None) -> str | None:
    """The key in an authorization header or metadatum."""
    scheme, _, key = authorization.partition(" ") if isinstance(authorization, str) else ("", "", "")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def peer_is_here(peer: str) -> bool:
    """Whether a gRPC caller, `ipv4:127.0.0.1:50000` or `ipv6:%5B::1%5D:50000`, is on this machine.

    A browser cannot speak gRPC over plain HTTP/2, so there is no page to be misled and no name to be checked.
    """
    family, _, address = peer.partition(":")
    host = address.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
    return family == "unix" or (family in ("ipv4", "ipv6") and loopback(host))


def _from_here(request: Request) -> bool:
    """Whether an HTTP request came over loopback, and was meant to.

    The address is that of our end of the connection: a server that was started by other means than `ciotat up`, on all
    interfaces, answers nobody from outside either. The names are checked since a browser on this machine is within
    loopback while the page in it is not: by DNS rebinding a page's own name leads here, and the page may then read
    what it likes, but the browser sends that name as Host; and any page may post a form here, but with its Origin.
    """
    server = request.scope.get("server")
    names = [request.headers.get("host"), *request.headers.getlist("origin")]
    return server is not None and loopback(server[0]) and all(_named_loopback(name) for name in names)


def _named_loopback(name: str | None) -> bool:
    """Whether `host:port`, or the origin `http://host:port`, is this machine by name."""
    address = name or ""
    try:
        return loopback(urlsplit(address if "//" in address else f"//{address}").hostname or "")
    except ValueError:
        return False


def loopback(host: str) -> bool:
    """Whether an address, or the one name that means it everywhere, is reached from this machine alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
