"""The certificate of both doors, read again when its files change: a renewal needs no restart."""

import logging
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

import grpc

from worker.settings import Settings

log = logging.getLogger(__name__)


class _Loaded(NamedTuple):
    http: ssl.SSLContext
    rpc: grpc.ServerCertificateConfiguration


class Certificate:
    """A certificate chain, its key and, where clients must show one too, the authority that signs theirs (PEM)."""

    def __init__(self, chain: Path, key: Path, client_ca: Path | None) -> None:
        self._chain, self._key, self._client_ca = chain, key, client_ca
        self._lock = threading.Lock()
        self._stamp = self._stamped()
        self._loaded = self._load()

    def for_rpc(self) -> grpc.ServerCredentials:
        """Credentials that ask for the newest certificate at each handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._newest().rpc, lambda: self._newest().rpc, self._client_ca is not None
        )

    def for_http(self) -> ssl.SSLContext:
        """A context that gives each handshake over to that of the newest certificate."""
        context = self._load().http

        def renew(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, old: ssl.SSLContext) -> None:
            connection.context = self._newest().http

        context.sni_callback = renew
        return context

    def _newest(self) -> _Loaded:
        with self._lock:
            try:
                if (stamp := self._stamped()) != self._stamp:
                    self._stamp, self._loaded = stamp, self._load()
            except OSError as error:  # an SSLError too: the chain and the key are written one after the other
                log.warning("the certificate could not be read again, the last one stays: %s", error)
            return self._loaded

    def _load(self) -> _Loaded:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key)  # raises unless the two belong together
        authority = None
        if self._client_ca is not None:
            context.load_verify_locations(self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            authority = self._client_ca.read_bytes()
        pair = (self._key.read_bytes(), self._chain.read_bytes())
        return _Loaded(context, grpc.ssl_server_certificate_configuration([pair], authority))

    def _stamped(self) -> tuple[int, ...]:
        files = (self._chain, self._key, self._client_ca)
        return tuple(file.stat().st_mtime_ns for file in files if file is not None)


def certificate(settings: Settings) -> Certificate | None:
    """That of these settings, which have one or none."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
