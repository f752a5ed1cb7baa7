"""`--wait`: a board is watched through its fleet's folder, with the real server and the board's own end of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass

import pytest

from edge_sdk.agent.desk import ask
from edge_sdk.agent.enrol import enrol
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.cli.flash.claim import Membership
from edge_sdk.cli.flash.watch import FleetFolder, Knocking, Watching, check_served, knock
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.flash.proof import Seen
from edge_sdk.flash.ssh.probe import Installed
from edge_sdk.flash.ssh.watched import BoardOverSsh, read_seen
from edge_sdk.flash.target import Target
from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.server import FleetServer
from edge_sdk.wire import encode
from edge_sdk.wire.enrolment import EnrolRequest, Progress
from edge_sdk.wire.messages import Reported, Status, UpdateReport
from tests.agent.plant import Agent, make_board
from tests.fleet.hardened import free_port, request_of
from tests.fleet.serving import served
from tests.runtime.swap import candidates

MODEL = "m" * 64
IMAGE = Target("press-4.img", "image")


@dataclass(frozen=True)
class Kit:
    """What of a kit is looked at."""

    device: str = "press-4"
    model_sha256: str = MODEL
    hostname: str = ""


@pytest.fixture
def fleet(tmp_path):
    """A fleet whose server answers at the port of its broker too."""
    port = free_port()
    settings = Settings("plant", ("localhost",), port, port, "127.0.0.1")
    return Fleet.create(tmp_path / "fleet", settings, now_s=int(time.time()))


class Board:
    """A board that was flashed: its own end of enrolling, and what its agent says."""

    def __init__(self, fleet, folder):
        self.fleet, self.folder = fleet, folder
        self.claim = fleet.enrolment().claim(fleet.home("press-4"), now_s=int(time.time()))

    def tell(self, step, state, reason=""):
        told = Progress("press-4", self.claim.token, step, state, reason)
        assert json.loads(ask(self.claim.home, "/v1/progress", encode(told))) == {"schema": 1}

    def enrol(self):
        path = self.folder / "claim.json"
        path.write_bytes(encode(self.claim))
        enrol(path, self.folder / "device")

    def report(self, *, ago_s=0.0, **said):
        now_s = time.time() - ago_s
        with self.fleet.registry() as registry:
            registry.take_status("press-4", encode(Status(online=True, boot=1)), now_s=now_s)
            registry.take_reported("press-4", encode(Reported(boot=1, worker="running", **said)), now_s=now_s)


@pytest.fixture
def board(fleet, tmp_path):
    """A board whose fleet's server answers."""
    with FleetServer(fleet.serving(), fleet.enrolment()):
        yield Board(fleet, tmp_path)


@pytest.fixture
def look(board):
    """Look at the board through its fleet."""
    with board.fleet.registry() as registry:
        yield FleetFolder(
            board.fleet.enrolment(), registry, "press-4", lambda: Seen(address="::1", is_ssh_open=True)
        ).look


def test_each_thing_that_a_board_does_is_seen(board, look):
    assert look() == Seen(address="::1", is_ssh_open=True)
    board.tell("install", "doing")
    assert look() == Seen("install", "doing")
    board.enrol()
    board.tell("enrol", "done")
    assert look() == Seen("enrol", "done", is_enrolled=True)
    board.report(model_sha256=MODEL, proven_sha256=MODEL, release="parts-1", update=UpdateReport("trial", "parts-2"))
    assert look() == Seen(
        "enrol", "done", "", "", False, True, True, True, "running", "parts-1", MODEL, MODEL, "trial parts-2"
    )


def test_what_the_board_before_said_proves_nothing(board, look):
    board.report(ago_s=5.0, model_sha256=MODEL, proven_sha256=MODEL)
    assert not look().has_reported, "it was not this card that said so"
    board.enrol()
    assert (look().is_enrolled, look().has_reported) == (True, False)
    board.report(model_sha256=MODEL, proven_sha256=MODEL)
    assert look().has_reported


def test_refusals_of_its_own_claim_and_of_others_are_told_apart(board, look):
    home = board.claim.home
    for token, is_strangers in (("x" * 43, True), (board.claim.token, False)):
        with pytest.raises(InputError):
            ask(home, "/v1/enrol", encode(EnrolRequest("press-4", token, request_of("press-5").decode())))
        assert (look().refused != "", look().is_strangers) == (True, is_strangers)


def test_the_wait_ends_with_the_proof(board, capsys):
    watching = Watching.prepare(IMAGE, Membership(board.fleet.path), 30.0)

    def come_up():
        board.tell("check", "doing")
        time.sleep(1.5)
        board.enrol()
        board.report(model_sha256=MODEL, proven_sha256=MODEL)

    thread = threading.Thread(target=come_up)
    thread.start()
    watching.wait(Kit())
    thread.join()
    said = capsys.readouterr().err.splitlines()
    assert "press-4: its first boot is at 'check' (doing)" in said
    assert said[-1] == f"press-4: has loaded {MODEL[:12]}, which gave its golden outputs there"


def test_where_it_stopped_is_told_with_how_to_look_further(board, capsys):
    watching = Watching.prepare(IMAGE, Membership(board.fleet.path), 1.0)
    with pytest.raises(
        UnavailableError, match="press-4: expected it to prove itself, got: nothing was heard of it yet"
    ):
        watching.wait(Kit())
    assert "look: has it power, and does its LED show that it reads the card?" in capsys.readouterr().err
    board.tell("board", "failed", "wrong board")
    with pytest.raises(GateError, match="got: its first boot failed at 'board': wrong board"):
        watching.wait(Kit())


def test_a_real_agent_proves_itself_through_a_real_broker(tmp_path):
    settings = Settings("plant", ("localhost",), free_port(), free_port(), "127.0.0.1")
    membership = Membership(Fleet.create(tmp_path / "fleet", settings, now_s=int(time.time())).path)
    model, folder = candidates.colors(), make_board(tmp_path / "board")
    slots, claim = Slots(folder), tmp_path / "claim.json"
    slots.install(slots.take(candidates.write(tmp_path / "tiny-1.edge", model)), Kept("tiny-1", sha256_hex(model)))
    with served(membership.place):
        watching = Watching.prepare(IMAGE, membership, 60.0)
        claim.write_bytes(membership.claim("press-4"))
        enrol(claim, folder)
        with Agent(folder):
            watching.wait(Kit(model_sha256=sha256_hex(model)))


def test_before_anything_is_flashed_the_fleets_services_must_answer(fleet, tmp_path):
    with pytest.raises(
        UnavailableError, match="expected the fleet's server to answer before anything is flashed"
    ) as no:
        Watching.prepare(IMAGE, Membership(fleet.path), 9.0)
    assert no.value.hint == f"edge-sdk fleet serve --broker --fleet {fleet.path}"
    other = Fleet.create(tmp_path / "other", fleet.settings, now_s=int(time.time()))
    with (
        FleetServer(other.serving(), other.enrolment()),
        pytest.raises(UnavailableError, match="certificate verify"),
    ):
        check_served(fleet)


def test_who_cannot_be_watched_is_told_before_anything_is_flashed(tmp_path):
    claim = tmp_path / "press-4.claim.json"
    claim.write_text("{}")
    assert Watching.prepare(IMAGE, None, None) is None
    for membership in (None, Membership(claim)):
        with pytest.raises(InputError, match="--wait: expected the folder of the board's fleet, or a board over SSH"):
            Watching.prepare(IMAGE, membership, 9.0)
        over_ssh = Watching.prepare(Target("ssh://pi@press-4", "ssh"), membership, 9.0)
        assert over_ssh == Watching("ssh://pi@press-4", 9.0)


def test_a_name_is_looked_for_beside_the_wait():
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        knocking = Knocking("localhost", port=port, domain="")
        until_s = time.monotonic() + 5
        while knocking.look() == Seen() and time.monotonic() < until_s:
            time.sleep(0.01)
        assert knocking.look().is_ssh_open
        assert Knocking("").look() == Seen()
    assert knock("127.0.0.1", port) == Seen(address="127.0.0.1", is_ssh_open=False)
    assert knock("no-such-board.invalid", port) == Seen(is_ssh_open=False)


def test_a_board_over_ssh_shows_what_it_says_itself():
    reported = {
        "boot": 3, "worker": "running", "release": "parts-1", "model_sha256": MODEL, "proven_sha256": MODEL,
        "update": {"state": "idle", "release": ""},
    }  # fmt: skip
    standing = {"is_running": True, "device": "", "reported": reported}
    seen = read_seen(Installed(step="done", state="done", agent=json.dumps(standing)))
    assert seen == Seen("done", "done", "", "", False, False, True, True, "running", "parts-1", MODEL, MODEL, "idle")
    for agent in ("", "{}", "[]", json.dumps({**standing, "reported": {"boot": "x"}})):
        assert read_seen(Installed(step="model", state="failed", reason="no", agent=agent)) == Seen(
            "model", "failed", "no"
        )


def test_a_board_that_is_not_reached_over_ssh_shows_nothing():
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
    assert BoardOverSsh(f"ssh://nobody@127.0.0.1:{port}").look() == Seen()
    with pytest.raises(InputError):
        BoardOverSsh("ssh://")
