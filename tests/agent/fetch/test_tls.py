"""HTTPS with the fleet's own authority, over real TLS."""

import functools
import http.server
import ssl
import threading
import time

import pytest

from edge_sdk.agent.fetch import HttpSource, Tls
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.authority import Authority
from tests.agent.fetch.conftest import Ranges

NOW_S = int(time.time())


@pytest.fixture
def authority(tmp_path):
    return Authority.create(tmp_path / "authority", fleet="plant", now_s=NOW_S)


@pytest.fixture
def address(tmp_path, package, authority):  # noqa: ARG001  the package is what the server has
    """A server that wants to see a certificate of the fleet."""
    authority.server(["127.0.0.1"], now_s=NOW_S).write(tmp_path / "server")
    authority.client("press-4", now_s=NOW_S).write(tmp_path / "device")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server/certificate.pem", tmp_path / "server/key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "authority/ca.pem")
    handler = functools.partial(Ranges, directory=tmp_path / "repository")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.max_bytes = [], None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _tls(tmp_path, name):
    return Tls(tmp_path / "authority/ca.pem", tmp_path / f"{name}/certificate.pem", tmp_path / f"{name}/key.pem")


def test_a_device_of_the_fleet_reads(tmp_path, address):
    assert HttpSource(address, tls=_tls(tmp_path, "device")).read("metadata/timestamp.json", max_bytes=2) == b"{}"


def test_a_server_of_another_authority_is_not_believed(tmp_path, address):
    Authority.create(tmp_path / "other", fleet="plant", now_s=NOW_S)
    for tls in (None, Tls(tmp_path / "other/ca.pem")):
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            HttpSource(address, tls=tls).read("metadata/timestamp.json", max_bytes=2)


def test_who_shows_no_certificate_reads_nothing(tmp_path, address):
    with pytest.raises(UnavailableError):
        HttpSource(address, tls=Tls(tmp_path / "authority/ca.pem")).read("metadata/timestamp.json", max_bytes=2)


def test_certificates_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(InputError, match="tls: expected certificates and keys that can be read"):
        HttpSource("https://127.0.0.1", tls=Tls(tmp_path / "none.pem"))
