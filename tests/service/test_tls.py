"""Both doors behind a certificate, with an authority made here; ours is renewed while they are open."""

import socket
import ssl
import threading

import grpc
import httpx2
import pytest
import trustme
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from pydantic import ValidationError

from service.main import build
from service.processes.doors import Doors
from service.processes.tls import certificate
from worker.settings import Settings


class Files:
    """The PEM files of one server, its authority's, and a client's."""

    def __init__(self, folder):
        self.chain, self.key, self.ca = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(self.ca)
        self.issue()

    def issue(self, authority=None):
        """A new pair; its serial number."""
        issued = (authority or self.authority).issue_cert("localhost", "127.0.0.1")
        self.chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self.key)
        return serial_of(issued.cert_chain_pems[0].bytes().decode())

    def client(self, folder, authority=None):
        issued = (authority or self.authority).issue_cert("client@example.org")
        path = folder / "client.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        pair = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
        return path, pair


def serial_of(pem):
    return ssl.PEM_cert_to_DER_cert(pem)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def opened_with(redis_url, redis, tmp_path, checkpoints, files):
    """Opens both doors of a whole service in a thread."""
    running = []

    def open_doors(**settings):
        settings = Settings(
            data=tmp_path, redis_url=redis_url, tls_certificate=files.chain, tls_key=files.key, **settings
        )
        listener = socket.create_server(("127.0.0.1", 0))
        doors = Doors(build(settings), settings, listener, 0)
        thread = threading.Thread(target=doors.run)
        thread.start()
        running.append((doors, thread))
        return doors

    yield open_doors
    for doors, thread in running:
        doors.rest.should_exit = True
        thread.join()


def over_http(doors, files, client=None):
    context = ssl.create_default_context(cafile=files.ca)
    if client is not None:
        context.load_cert_chain(client)
    return httpx2.get(f"{doors.url}/livez", verify=context, timeout=20)


def over_grpc(doors, files, client=(None, None)):
    credentials = grpc.ssl_channel_credentials(files.ca.read_bytes(), *client)
    with grpc.secure_channel(f"127.0.0.1:{doors.rpc.port}", credentials) as channel:
        return HealthStub(channel).Check(HealthCheckRequest(), timeout=20)


def shown(port):
    """The certificate that a server shows to whoever connects."""
    return serial_of(ssl.get_server_certificate(("127.0.0.1", port), timeout=20))


def ports(doors):
    return int(doors.url.rpartition(":")[2]), doors.rpc.port


def test_both_doors_speak_tls_alone(opened_with, files):
    doors = opened_with()

    assert doors.url.startswith("https://")
    assert over_http(doors, files).status_code == 200
    assert over_grpc(doors, files)
    with pytest.raises(httpx2.TransportError):
        httpx2.get(doors.url.replace("https", "http") + "/livez", timeout=20)
    with (
        grpc.insecure_channel(f"127.0.0.1:{doors.rpc.port}") as channel,
        pytest.raises(grpc.RpcError, match="UNAVAILABLE"),
    ):
        HealthStub(channel).Check(HealthCheckRequest(), timeout=20)


def test_a_renewed_certificate_is_shown_without_a_restart(opened_with, files):
    doors = opened_with()
    over_http(doors, files)
    before = [shown(port) for port in ports(doors)]

    renewed = files.issue()

    assert renewed not in before
    assert [shown(port) for port in ports(doors)] == [renewed, renewed]
    assert over_http(doors, files).status_code == 200
    assert over_grpc(doors, files)


@pytest.mark.parametrize("half", [b"", b"not a certificate"])
def test_a_renewal_that_is_not_whole_changes_nothing(opened_with, files, half, caplog):
    doors = opened_with()
    over_http(doors, files)
    before = shown(doors.rpc.port)

    files.chain.write_bytes(half)
    assert [shown(port) for port in ports(doors)] == [before, before]
    other = trustme.CA().issue_cert("localhost")
    other.private_key_pem.write_to_path(files.key)  # a key of another chain
    assert [shown(port) for port in ports(doors)] == [before, before]

    assert "the last one stays" in caplog.text
    renewed = files.issue()
    assert [shown(port) for port in ports(doors)] == [renewed, renewed]


def test_with_an_authority_of_clients_only_theirs_come_in(opened_with, files, tmp_path):
    doors = opened_with(tls_client_ca=files.ca)
    path, pair = files.client(tmp_path)

    assert over_http(doors, files, path).status_code == 200
    assert over_grpc(doors, files, pair)
    for renewed in (False, True):
        if renewed:
            files.issue()
        with pytest.raises(httpx2.TransportError):
            over_http(doors, files)
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            over_grpc(doors, files)
        stranger, strange = files.client(tmp_path, trustme.CA())
        with pytest.raises(httpx2.TransportError):
            over_http(doors, files, stranger)
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            over_grpc(doors, files, strange)


def test_a_certificate_comes_with_its_key(tmp_path):
    with pytest.raises(ValidationError, match="go together"):
        Settings(tls_certificate=tmp_path / "chain.pem")
    with pytest.raises(ValidationError, match="CIOTAT_TLS_CERTIFICATE"):
        Settings(tls_client_ca=tmp_path / "ca.pem")


def test_a_certificate_that_is_none_stops_the_start(files):
    files.key.write_text("nothing")

    with pytest.raises(ssl.SSLError):
        certificate(Settings(tls_certificate=files.chain, tls_key=files.key))
