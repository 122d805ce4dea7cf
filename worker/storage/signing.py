"""Links of our own: a key and an end of life, vouched for with a secret that replicas share."""

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from worker.storage.atomic import written

SECRET_BYTES = 32


class LinkRefused(ValueError):
    """The link is not one of ours, or has expired."""


def shared_secret(path: Path) -> bytes:
    """The secret in this file, drawn by whoever comes first and readable by its owner alone."""
    if not path.exists():
        with suppress(FileExistsError), written(path, 0o600, os.link) as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise OSError(None, "the signing key is too short", str(path))
    return secret


def sign(secret: bytes, key: str, seconds: int) -> str:
    """The query that makes a link to this key good for so long."""
    expires = str(int(time.time()) + seconds)
    return urlencode({"expires": expires, "signature": _signature(secret, key, expires)})


def verify(secret: bytes, key: str, expires: str, signature: str) -> None:
    """Refuse a link that we did not sign just so, then one that has expired."""
    expected = _signature(secret, key, expires)
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="surrogatepass")):
        raise LinkRefused("the link's signature is wrong")
    if time.time() >= int(expires):
        raise LinkRefused("the link has expired")


def _signature(secret: bytes, key: str, expires: str) -> str:
    """Over the end of life first: it has no line break where it is ours, so no key can pose as one."""
    signed = f"GET\n{expires}\n{key}".encode(errors="surrogatepass")
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()
