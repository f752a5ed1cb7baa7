"""What the board tells the fleet while it becomes a member, over TLS on a real socket."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time

import pytest

from edge_sdk.flash.board_side.claim import Claim, read_claim
from edge_sdk.flash.board_side.telling import Telling
from edge_sdk.fleet.authority import Authority
from tests.flash.fresh_board import TOKEN, claim

NOW_S = int(time.time())


class Desk(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((self.path, message))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("fleet") / "authority", fleet="plant", now_s=NOW_S)


@pytest.fixture
def desk(tmp_path, authority):
    """A server of the fleet's that keeps what it is told."""
    authority.server(["localhost"], now_s=NOW_S).write(tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.told, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def the_claim(desk, ca: str) -> Claim:
    return Claim(f"https://localhost:{desk.server_port}", ca, "cam-1", TOKEN)


def test_the_newest_change_is_told_with_the_claims_token(desk, authority):
    telling = Telling(the_claim(desk, authority.ca_pem.decode()))
    telling.tell("check", "doing", "")
    telling.tell("done", "done", "wifi: none")
    telling.close()
    message = {"schema": 1, "device": "cam-1", "token": TOKEN, "step": "done", "state": "done", "reason": "wifi: none"}
    assert desk.told[-1] == ("/v1/progress", message)


def test_a_server_of_another_authority_is_told_nothing(desk, tmp_path):
    other = Authority.create(tmp_path / "other", fleet="plant", now_s=NOW_S)
    telling = Telling(the_claim(desk, other.ca_pem.decode()))
    telling.tell("check", "doing", "")
    telling.close()
    assert desk.told == []


def test_a_refusal_is_not_repeated(desk, authority):
    desk.answers = [403]
    telling = Telling(the_claim(desk, authority.ca_pem.decode()))
    telling.tell("check", "doing", "")
    until_s = time.monotonic() + 10
    while not desk.told and time.monotonic() < until_s:
        time.sleep(0.01)
    telling.close()
    assert len(desk.told) == 1


@pytest.mark.parametrize("ca", ["-----BEGIN CERTIFICATE-----", "no certificate"])
def test_a_fleet_that_cannot_be_reached_holds_nothing_up(ca):
    telling = Telling(Claim("https://127.0.0.1:9", ca, "cam-1", TOKEN))
    begun_s = time.monotonic()
    telling.tell("check", "doing", "")
    telling.close()
    Telling(None).close()
    assert time.monotonic() - begun_s < 5


def test_a_claim_that_is_none_leads_nowhere(tmp_path):
    path = tmp_path / "claim.json"
    assert read_claim(path) is None
    path.write_text("[]")
    assert read_claim(path) is None
    path.write_text(json.dumps(claim()))
    assert read_claim(path) == Claim("https://127.0.0.1:9", "-----BEGIN none", "cam-1", TOKEN)
