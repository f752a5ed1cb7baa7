"""The fleet's HTTPS server on a real socket, asked by the board's own end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_sdk.agent import enrol as board
from edge_sdk.agent.renewal import Renewal
from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.fleet.authority import Authority
from edge_sdk.fleet.enrolment import Enrolment
from edge_sdk.fleet.rate import Rate
from edge_sdk.fleet.server import FleetServer, Serving
from edge_sdk.wire import encode
from edge_sdk.wire.enrolment import EnrolRequest, Home, Membership, Progress
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import identity_of, request_of

YEARS_S = 4 * 365 * 86400


@pytest.fixture
def enrolment(tmp_path, authority):
    return Enrolment(tmp_path / "devices", authority)


@pytest.fixture
def serving(tmp_path, authority):
    authority.server(["localhost"], now_s=NOW_S).write(tmp_path / "server")
    target = tmp_path / "repository" / "targets" / "packages" / "a.edge"
    target.parent.mkdir(parents=True)
    target.write_bytes(bytes(range(256)) * 1000)
    often = Rate(per_minute=6000, burst=1000)
    return Serving(tmp_path / "server", authority.folder, tmp_path / "repository", 0, "127.0.0.1", often)


@pytest.fixture
def server(serving, enrolment):
    with FleetServer(serving, enrolment) as running:
        yield running


@pytest.fixture
def home(authority, server):
    ca = authority.ca_pem.decode()
    return Home("plant", "press-4", "mqtts://localhost:8883", f"https://localhost:{server.port}", ca, '{"root": 1}')


@pytest.fixture
def claim(tmp_path, enrolment, home):
    """Write a claim; return its path."""

    def write(name="claim.json", **changed):
        path = tmp_path / name
        path.write_bytes(encode(enrolment.claim(replace(home, **changed), now_s=NOW_S)))
        return path

    return write


def link_of(device: Path) -> str:
    return (device / "identity").readlink().name


def test_a_board_becomes_a_member_and_its_claim_is_gone(claim, tmp_path, home, authority):
    path, device = claim(), tmp_path / "device"
    assert board.enrol(path, device) == board.Enrolled(home, is_new=True, is_claim_wiped=True)
    assert not path.exists()
    assert board.read_home(device) == home
    certificate = x509.load_pem_x509_certificate((device / "identity" / "certificate.pem").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=press-4"
    assert stat.S_IMODE((device / "identity" / "key.pem").stat().st_mode) == 0o600
    assert (device / "identity" / "ca.pem").read_bytes() == authority.ca_pem
    assert len(authority.issued("press-4")) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_enrols_belongs_to_whom_the_folder_belongs(claim, tmp_path):
    device = tmp_path / "device"
    device.mkdir()
    os.chown(device, 12345, 12346)
    board.enrol(claim(), device)
    for path in (device / "identities", device / "identity", *(device / "identity").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path


def test_a_claim_that_lies_there_again_is_only_wiped(claim, tmp_path, authority):
    path, device = claim(), tmp_path / "device"
    told = path.read_bytes()
    board.enrol(path, device)
    before = link_of(device)
    path.write_bytes(told)
    assert not board.enrol(path, device).is_new
    board.enrol(claim("second.json"), device)
    assert link_of(device) != before
    path.write_bytes(told)
    assert not board.enrol(path, device).is_new
    assert not path.exists()
    assert len(authority.issued("press-4")) == 2


_KILLED = """
import os, sys
from pathlib import Path
from edge_sdk.agent import enrol

left = 0
def watch(event, arguments):
    global left
    if event in {"open", "os.rename", "os.remove", "os.symlink"} and "device-" in str(arguments):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)

folder = Path(sys.argv[1])
for claim in sorted(folder.glob("claim-*.json")):  # one import, and a child for each step at which it is killed
    left = int(claim.stem.partition("-")[2])
    if (child := os.fork()) == 0:
        sys.addaudithook(watch)
        enrol.enrol(claim, folder / f"device-{left}")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_board_that_is_killed_at_any_step_becomes_a_member_by_the_same_claim(claim, tmp_path):
    steps = (*range(0, 30, 3), 50)
    for step in steps:
        claim(f"claim-{step:03}.json", device=f"press-{step}")
    ended = subprocess.run([sys.executable, "-c", _KILLED, tmp_path], capture_output=True, text=True, check=True)
    codes = ended.stdout.split()
    assert (len(codes), codes[0], codes[-1]) == (len(steps), "-9", "0"), "the last was not killed, so every step was"
    for step in steps:
        path, device = tmp_path / f"claim-{step:03}.json", tmp_path / f"device-{step}"
        assert not path.exists() or board.enrol(path, device).is_claim_wiped
        assert board.read_home(device).device == f"press-{step}"
        context = ssl.create_default_context()
        context.load_cert_chain(device / "identity" / "certificate.pem", device / "identity" / "key.pem")


def test_the_answer_that_was_lost_comes_again_for_the_same_key(claim, tmp_path, authority, monkeypatch):
    path, device = claim(), tmp_path / "device"
    ask = board.ask

    def lose(*arguments, **how):
        ask(*arguments, **how)
        raise UnavailableError("cut off")

    monkeypatch.setattr(board, "ask", lose)
    with pytest.raises(UnavailableError, match="cut off"):
        board.enrol(path, device)
    monkeypatch.undo()
    assert board.enrol(path, device).is_new
    assert len(authority.issued("press-4")) == 1


def test_a_stolen_claim_is_of_no_use_after_the_board(claim, tmp_path):
    path = claim()
    (tmp_path / "stolen.json").write_bytes(path.read_bytes())
    board.enrol(path, tmp_path / "device")
    with pytest.raises(InputError, match=r"expected a certificate, got 'claim: .* got one that another key has used'"):
        board.enrol(tmp_path / "stolen.json", tmp_path / "thief")
    assert board.read_home(tmp_path / "thief") is None


def test_a_server_of_another_fleet_is_not_told_the_token(claim, tmp_path):
    other = Authority.create(tmp_path / "other", fleet="plant", now_s=NOW_S)
    path = claim(ca=other.ca_pem.decode())
    with pytest.raises(TrustError, match="expected a server of this fleet, got"):
        board.enrol(path, tmp_path / "device")
    assert path.exists()


def test_a_server_that_is_not_there_is_told(claim, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        path = claim(server=f"https://localhost:{taken.getsockname()[1]}")
        with pytest.raises(UnavailableError, match="expected an answer, got"):
            board.enrol(path, tmp_path / "device")


def test_a_board_without_a_network_is_enrolled_by_files(tmp_path, authority, home):
    device = tmp_path / "device"
    request = board.request(device, "press-4")
    assert (
        x509.load_pem_x509_csr(request).public_key()
        == x509.load_pem_x509_csr(board.request(device, "press-4")).public_key()
    )
    answer = tmp_path / "membership.json"
    certificate = authority.certify("press-4", request, now_s=NOW_S).decode()
    answer.write_bytes(encode(Membership(home, certificate)))
    assert board.accept(answer, device).is_new
    assert not board.accept(answer, device).is_new
    assert board.read_home(device) == home
    with pytest.raises(InputError, match="expected an answer to a request of this board, got one to press-4"):
        board.accept(answer, tmp_path / "another")
    answer.write_bytes(
        encode(Membership(home, authority.certify("press-4", request_of("press-4"), now_s=NOW_S).decode()))
    )
    with pytest.raises(TrustError, match="expected a certificate for this board's key and name, got another"):
        board.accept(answer, device)


def test_a_certificate_is_renewed_before_it_ends_by_itself_alone(claim, tmp_path, authority):
    device = tmp_path / "device"
    board.enrol(claim(), device)
    before = (device / "identity" / "key.pem").read_bytes()
    assert not board.renew(device, now_s=NOW_S)
    assert board.renew(device, now_s=NOW_S + YEARS_S)
    assert (device / "identity" / "key.pem").read_bytes() != before
    assert len(authority.issued("press-4")) == 2
    authority.revoke("press-4", now_s=NOW_S)
    with pytest.raises(UnavailableError, match="expected an answer"):
        board.renew(device, now_s=NOW_S + YEARS_S)


class KnownTime:
    """A clock that can be right, or not."""

    def __init__(self, unix_s):
        self.unix_s = unix_s

    def is_trusted(self):
        return self.unix_s > 0

    def now_unix_s(self):
        return self.unix_s


@pytest.mark.parametrize(("unix_s", "certificates"), [(NOW_S, 1), (NOW_S + YEARS_S, 2), (0, 1)])
def test_the_agent_has_its_certificate_renewed_by_itself(claim, tmp_path, authority, unix_s, certificates):
    device, over = tmp_path / "device", threading.Event()
    board.enrol(claim(), device)
    renewal = Renewal(device, KnownTime(unix_s), over, first_s=0.01, period_s=60.0)
    thread = threading.Thread(target=renewal.run)
    thread.start()
    time.sleep(0.1)
    over.set()
    thread.join(30)
    assert renewal.looks == (unix_s > 0)
    assert len(authority.issued("press-4")) == certificates


@pytest.fixture
def get(server, authority, tmp_path):
    """Ask the server, by default with the certificate of a device; return status, headers and body."""
    identity_of(authority, "press-4", now_s=NOW_S).write(tmp_path / "reader")

    def ask(method, path, body=None, *, shows=True, **headers):
        context = ssl.create_default_context(cadata=authority.ca_pem.decode())
        if shows:
            context.load_cert_chain(tmp_path / "reader" / "certificate.pem", tmp_path / "reader" / "key.pem")
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=context)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

    return ask


def test_members_read_the_repository_whole_and_in_parts(get):
    path, whole = "/repository/targets/packages/a.edge", bytes(range(256)) * 1000
    status, headers, body = get("GET", path)
    assert (status, body, headers["Accept-Ranges"]) == (200, whole, "bytes")
    status, headers, body = get("GET", path, Range="bytes=131072-")
    assert (status, body, headers["Content-Range"]) == (206, whole[131072:], "bytes 131072-255999/256000")
    assert get("GET", path, Range="bytes=5-9")[::2] == (206, whole[5:10])
    assert get("GET", path, Range="bytes=255999-999999")[::2] == (206, whole[-1:])
    assert get("GET", path, Range="bytes=256000-")[0] == 416
    for other in ("bytes=-5", "bytes=9-5", "bytes=1-2,4-5", "lines=1-2", "bytes=x-"):
        assert get("GET", path, Range=other)[::2] == (200, whole)
    status, headers, body = get("HEAD", path)
    assert (status, headers["Content-Length"], body) == (200, "256000", b"")


def test_nobody_else_reads_it(get, authority):
    path = "/repository/targets/packages/a.edge"
    assert get("GET", path)[0] == 200
    assert get("GET", path, shows=False)[::2] == (401, b'{"error": "expected a certificate of the fleet"}')
    authority.revoke("press-4", now_s=NOW_S)
    with pytest.raises((ssl.SSLError, http.client.HTTPException, ConnectionError)):
        get("GET", path)


@pytest.mark.parametrize(
    "path",
    [
        "/repository/../server/key.pem",
        "/repository/targets/../../server/key.pem",
        "/repository/%2e%2e/server/key.pem",
        "/repository//etc/passwd",
        "/repository/targets",
        "/repository/targets/packages/none.edge",
        "/repository/",
        "/",
    ],
)
def test_a_path_leads_nowhere_else(get, path):
    assert get("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/none", b"{}", {}, 404),
        ("/v1/enrol", b"{", {}, 403),
        ("/v1/enrol", b"[" * 30000, {}, 403),
        ("/v1/enrol", b"", {"Content-Length": "70000"}, 413),
        ("/v1/enrol", None, {"Content-Length": "-1"}, 413),
        ("/v1/enrol", b"", {"Content-Length": "9" * 30}, 413),
        ("/v1/renew", b'{"schema":1,"device":"press-5","token":"","request":""}', {}, 403),
    ],
)
def test_requests_are_bounded_and_refused_in_one_line(get, path, body, headers, status):
    got, _, answer = get("POST", path, body, **headers)
    assert got == status
    assert list(json.loads(answer)) == ["error"]


def test_a_first_boot_tells_how_far_it_has_come(get, enrolment, home):
    claim = enrolment.claim(home, now_s=NOW_S)
    told = Progress("press-4", claim.token, "install", "failed", "disk: expected room, got none")
    assert get("POST", "/v1/progress", encode(told), shows=False)[::2] == (200, b'{"schema":1}')
    member = enrolment.member("press-4")
    assert (member.progress_step, member.progress_state) == ("install", "failed")
    assert (member.progress_reason, member.progress_unix_s >= NOW_S) == ("disk: expected room, got none", True)


def test_a_wrong_token_and_a_device_that_there_is_not_get_the_same_answer(get, enrolment, home):
    enrolment.claim(home, now_s=NOW_S)
    told = [Progress(device, "x" * 43, "install", "doing") for device in ("press-4", "press-5")]
    [first, second] = [get("POST", "/v1/progress", encode(one), shows=False) for one in told]
    assert (first[0], first[2]) == (second[0], second[2]) == (403, first[2])
    assert b"claim: expected one that was made here, got another" in first[2]


def test_what_first_boots_tell_takes_no_certificate_from_others(serving, enrolment, authority):
    slow = replace(serving, rate=Rate(per_minute=1, burst=1))
    context = ssl.create_default_context(cadata=authority.ca_pem.decode())
    with FleetServer(slow, enrolment) as server:
        statuses = []
        for path in ("/v1/progress", "/v1/progress", "/v1/enrol", "/v1/renew"):
            connection = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=context)
            with contextlib.closing(connection):
                connection.request("POST", path, b"{}")
                statuses.append(connection.getresponse().status)
    assert statuses == [403, 429, 403, 429]


def test_without_a_certificate_nothing_is_renewed(get):
    body = encode(EnrolRequest("press-4", "", request_of("press-4").decode()))
    assert get("POST", "/v1/renew", body)[0] == 200
    assert get("POST", "/v1/renew", body, shows=False)[0] == 403


def test_who_asks_too_often_has_to_wait(serving, enrolment, authority):
    slow = replace(serving, rate=Rate(per_minute=1, burst=2))
    context = ssl.create_default_context(cadata=authority.ca_pem.decode())
    with FleetServer(slow, enrolment) as server:
        statuses = []
        for _ in range(3):
            connection = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=context)
            with contextlib.closing(connection):
                connection.request("POST", "/v1/enrol", b"{}")
                statuses.append(connection.getresponse().status)
    assert statuses == [403, 403, 429]


def test_a_handshake_that_hangs_keeps_nobody_waiting(get, server):
    with socket.create_connection(("localhost", server.port)), socket.create_connection(("localhost", server.port)):
        assert get("GET", "/repository/targets/packages/a.edge")[0] == 200


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=300))
def test_no_bytes_end_the_server(server, authority, noise):
    context = ssl.create_default_context(cadata=authority.ca_pem.decode())
    raw = socket.create_connection(("localhost", server.port), timeout=5)
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_hostname="localhost") as encrypted:
        encrypted.sendall(noise + b"\r\n\r\n")
        encrypted.shutdown(socket.SHUT_WR)
        encrypted.recv(1000)
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=5, context=context)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        assert connection.getresponse().status == 404


def test_it_listens_where_it_is_told(serving, enrolment, authority):
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with FleetServer(replace(serving, bind="::1"), enrolment) as server:
        context = ssl.create_default_context(cadata=authority.ca_pem.decode())
        raw = socket.create_connection(("::1", server.port), timeout=5)
        with context.wrap_socket(raw, server_hostname="localhost") as encrypted:
            assert encrypted.version() in {"TLSv1.2", "TLSv1.3"}


def test_a_port_that_is_taken_is_told(server, serving, enrolment):
    with pytest.raises(UnavailableError, match=f"port {server.port}: expected one that is free, got"):
        FleetServer(replace(serving, port=server.port), enrolment)


def test_a_key_that_is_not_there_is_told(serving, enrolment):
    (serving.identity / "key.pem").unlink()
    with pytest.raises(InputError, match="expected certificates and a key, got"):
        FleetServer(serving, enrolment)
