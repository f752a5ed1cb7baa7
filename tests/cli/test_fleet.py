"""`edge-sdk fleet`: from an empty folder to a release that a board believes, by the commands alone."""

from __future__ import annotations

import json
import shutil
import stat

import pytest

from edge_sdk.agent.fetch import FolderSource
from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.trust import Shelf, Trust
from edge_sdk.agent.trust.job import run as verify_here
from edge_sdk.errors import InputError, TrustError
from edge_sdk.fleet.folder import Fleet
from edge_sdk.wire import encode
from edge_sdk.wire.enrolment import Progress
from edge_sdk.wire.messages import Batch, CommandState, CommandStates, Reported, Status, UpdateReport


@pytest.fixture
def command(edge_sdk, monkeypatch, tmp_path):
    """Run `edge-sdk` in a folder of its own; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_SDK_FLEET", str(tmp_path / "plant"))
    return edge_sdk


@pytest.fixture
def answer(command):
    """Run it with `--json`; return the record."""

    def run(*arguments):
        code, out, err = command(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run


@pytest.fixture
def fleet(answer, tmp_path):
    answer("fleet", "init", "plant", "--host", "localhost", "--host", "127.0.0.1")
    return tmp_path / "plant"


@pytest.fixture
def board(tmp_path, fleet):
    """The trust of a board that was set up when the fleet was made, and reads the repository's folder."""
    state = State(tmp_path / "board" / "state.db")
    shelf = Shelf(tmp_path / "board" / "trust", state)
    shelf.begin((fleet / "repository" / "metadata" / "1.root.json").read_bytes())
    return Trust(shelf, FolderSource(fleet / "repository"), TimeFloor(state), run=verify_here)


def offered(board):
    return board.offer("press-4", groups=("hall-2",), families=("arm-int8", "fp32"))


def test_a_new_fleet_says_which_keys_to_take_away(answer, tmp_path):
    record = answer("fleet", "init", "plant", "--host", "fleet.example.com", "--port", "9443")
    assert (record["name"], record["server"]) == ("plant", "https://fleet.example.com:9443")
    assert [path.rsplit("/", 1)[1] for path in record["offline_keys"]] == [
        "root-1.pem",
        "root-2.pem",
        "root-3.pem",
        "targets-1.pem",
    ]
    for path in tmp_path.rglob("*.pem"):
        is_secret = path.name == "key.pem" or "keys-" in str(path.parent)
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if is_secret else 0o644), path
    assert stat.S_IMODE((tmp_path / "plant" / "authority" / "ca.key").stat().st_mode) == 0o600


def test_a_dry_run_makes_nothing(answer, tmp_path):
    assert answer("fleet", "init", "plant", "--host", "localhost", "--dry-run")["is_dry_run"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_becomes_no_fleet(command, fleet):
    code, _, err = command("fleet", "init", fleet, "--host", "localhost")
    assert (code, err) == (3, f"error: {fleet}: expected a new or an empty folder, got one with something in it\n")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--host", "a b"], "host: expected a name or an address, got 'a b'"),
        (["--host", 'x"', "--name", "y"], "host: expected a name or an address"),
        (["--host", "x", "--name", "a/b"], "name: expected letters, digits"),
        (["--host", "x", "--port", "0"], "port: expected 1 to 65535, got 0"),
    ],
)
def test_settings_that_cannot_be_are_told_before_anything_is_made(command, tmp_path, options, wrong):
    code, _, err = command("fleet", "init", "plant", *options)
    assert code == 3
    assert err.startswith(f"error: {wrong}")
    assert list(tmp_path.iterdir()) == []


def test_without_a_fleet_the_way_to_one_is_told(command):
    code, _, err = command("fleet", "keys", "list")
    assert code == 3
    assert "expected a fleet's folder, with fleet.toml in it, got none\nhint: edge-sdk fleet init FOLDER" in err


@pytest.mark.usefixtures("fleet")
def test_a_claim_is_a_file_that_only_its_owner_reads(answer, command, tmp_path):
    given = answer("fleet", "enroll", "press-4", "--group", "hall-2", "--hours", "2")
    claim = json.loads((tmp_path / "press-4.claim.json").read_text())
    assert claim["home"]["groups"] == ["hall-2"]
    assert (claim["home"]["broker"], claim["home"]["server"]) == ("mqtts://localhost:8883", "https://localhost:8443")
    assert claim["expires_unix_s"] == given["expires_unix_s"]
    assert stat.S_IMODE((tmp_path / "press-4.claim.json").stat().st_mode) == 0o600
    code, _, err = command("fleet", "enroll", "press-4")
    assert (code, err) == (3, "error: press-4.claim.json: expected a new file, got one that is there already\n")


def test_a_board_without_a_network_is_enrolled_and_put_out(answer, fleet):
    answer("agent", "request", "press-4", "-o", "press-4.csr", "--state", "device")
    answer("fleet", "enroll", "press-4", "--csr", "press-4.csr")
    assert answer("agent", "accept", "press-4.membership.json", "--state", "device")["home"]["device"] == "press-4"
    answer("fleet", "enroll", "press-5")
    [*_, issued] = answer("fleet", "keys", "list")["certificates"]
    assert (issued["device"], issued["is_revoked"]) == ("press-4", False)
    assert answer("fleet", "keys", "revoke", "press-4", "--dry-run")["is_dry_run"]
    before = (fleet / "broker" / "crl.pem").read_bytes()
    assert answer("fleet", "keys", "revoke", "press-4", "--yes")["serials"] == [issued["serial"]]
    assert (fleet / "broker" / "crl.pem").read_bytes() != before
    keyring = answer("fleet", "keys", "list")
    assert keyring["certificates"][-1]["is_revoked"]
    assert [claim["device"] for claim in keyring["claims"]] == ["press-5"]


@pytest.mark.usefixtures("fleet")
def test_revoking_asks(command, answer, monkeypatch):
    answer("fleet", "enroll", "press-4")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert command("fleet", "keys", "revoke", "press-4")[0] == 3
    assert answer("fleet", "keys", "list")["claims"]


def test_a_release_reaches_a_board_by_its_group_and_by_its_name(answer, board, package_path):
    assert answer("fleet", "release", package_path)["is_public"]
    assert offered(board) is None
    answer("fleet", "assign", "tiny-7", "--group", "hall-2")
    assert (offered(board).release, offered(board).family) == ("tiny-7", "arm-int8")
    answer("fleet", "assign", "none", "press-4")
    assert offered(board) is None


def test_gates_are_signed_with_the_release(answer, command, board, package_path, tmp_path):
    (tmp_path / "gates.toml").write_text("min_agreement = 0.95\ntrial_results = 7\n")
    (tmp_path / "wrong.toml").write_text("min_agreement = 2.0\n")
    code, _, err = command("fleet", "release", package_path, "--gates", "wrong.toml")
    assert (code, err) == (3, "error: wrong.toml: min_agreement: expected 0 to 1, got 2\n")
    answer("fleet", "release", package_path, "--gates", "gates.toml")
    answer("fleet", "assign", "tiny-7", "press-4")
    assert (offered(board).gates.min_agreement, offered(board).gates.trial_results) == (0.95, 7)


def test_without_the_offline_keys_a_release_waits_for_them(answer, command, fleet, board, package_path, tmp_path):
    shutil.move(fleet / "keys-offline", tmp_path / "stick")
    assert not answer("fleet", "release", package_path)["is_public"]
    assert command("fleet", "assign", "tiny-7", "press-4")[0] == 3
    assert answer("fleet", "keys", "complete") == {"public": [], "missing": {"targets": 1}}
    shutil.copy(fleet / "repository" / "pending" / "targets.json", tmp_path / "targets.json")
    assert answer("fleet", "keys", "sign", "targets.json", "--keys", "stick")["signatures"] == 1
    assert command("fleet", "keys", "sign", "targets.json", "--keys", "plant")[0] == 3
    shutil.copy(tmp_path / "targets.json", fleet / "repository" / "pending" / "targets.json")
    assert answer("fleet", "keys", "complete") == {"public": ["targets"], "missing": {}}
    answer("fleet", "assign", "tiny-7", "press-4")
    assert offered(board).release == "tiny-7"


def test_keys_with_a_passphrase_ask_for_it(answer, command, tmp_path, package_path):
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "other").write_text("wrong\n")
    answer("fleet", "init", "plant", "--host", "localhost", "--passphrase-file", "secret")
    key = tmp_path / "plant" / "keys-offline" / "targets-1.pem"
    assert b"ENCRYPTED" in key.read_bytes()
    code, _, err = command("fleet", "release", package_path)
    assert (code, "expected a passphrase for its keys, got none" in err) == (3, True)
    assert command("fleet", "release", package_path, "--passphrase-file", "other")[0] == 3
    assert answer("fleet", "release", package_path, "--passphrase-file", "secret")["is_public"]


def test_boards_follow_when_all_keys_of_the_roles_are_exchanged(answer, fleet, board, package_path):
    answer("fleet", "release", package_path)
    answer("fleet", "assign", "tiny-7", "press-4")
    assert offered(board).release == "tiny-7"
    for what in ("online", "targets", "root"):
        record = answer("fleet", "keys", "rotate", what, "--yes")
        assert record["is_public"]
        for old in record["old_files"]:
            (fleet / old).unlink()
        assert offered(board).release == "tiny-7"
    answer("fleet", "assign", "none", "press-4")
    assert offered(board) is None


def test_a_release_that_was_changed_where_it_is_served_is_refused(answer, fleet, board, package_path, tmp_path):
    answer("fleet", "release", package_path)
    answer("fleet", "assign", "tiny-7", "press-4")
    assert offered(board).release == "tiny-7"
    shutil.move(fleet / "keys-offline", tmp_path / "stick")
    target = next((fleet / "repository" / "targets" / "releases").iterdir())
    target.write_bytes(target.read_bytes().replace(b"0.9", b"0.1"))
    with pytest.raises(TrustError):
        offered(board)


@pytest.mark.parametrize("what", ["broker", "server", "ingest", "desk"])
def test_a_certificate_of_ours_is_exchanged(answer, fleet, what):
    before = [(fleet / what / name).read_bytes() for name in ("key.pem", "certificate.pem")]
    assert answer("fleet", "keys", "rotate", what, "--dry-run")["is_dry_run"]
    assert [(fleet / what / name).read_bytes() for name in ("key.pem", "certificate.pem")] == before
    answer("fleet", "keys", "rotate", what, "--yes")
    after = [(fleet / what / name).read_bytes() for name in ("key.pem", "certificate.pem")]
    assert not set(after) & set(before)


def test_a_command_waits_for_its_device(answer, command, fleet):
    code, _, err = command("fleet", "command", "press-4", "rate", "hz=5")
    assert (code, err.startswith("error: press-4: expected a member of the fleet, got none")) == (3, True)
    answer("fleet", "enroll", "press-4")
    told = answer("fleet", "command", "press-4", "rate", "hz=5", "--hours", "2")
    assert (told["command"]["arguments"], told["state"]["stage"]) == ({"hz": "5"}, "init")
    assert command("fleet", "command", "press-4", "rate", "hz")[0] == 3
    with Fleet(fleet).registry() as registry:
        settled = CommandStates({told["command"]["id"]: CommandState("failed", "expected a number")})
        registry.take_states("press-4", encode(settled))
    [device] = answer("fleet", "status", "press-4")["devices"]
    assert [one["state"]["reason"] for one in device["commands"]] == ["expected a number"]


def test_until_a_board_reports_the_status_tells_how_far_its_first_boot_has_come(answer, command, fleet, tmp_path):
    answer("fleet", "enroll", "press-4", "-o", tmp_path / "press-4.claim.json")
    assert answer("fleet", "status", "press-4")["devices"][0]["first_boot"] is None
    token = json.loads((tmp_path / "press-4.claim.json").read_text())["token"]
    enrolment = Fleet(fleet).enrolment()
    enrolment.note(Progress("press-4", token, "install", "failed", "disk: full"), now_s=10**9)
    with pytest.raises(InputError):
        enrolment.note(Progress("press-4", "x" * 43, "enrol", "doing"), now_s=10**9)
    lines = [" ".join(line.split()) for line in command("fleet", "status", "press-4")[1].splitlines()]
    assert lines[1] == "press-4 never seen none none first boot install failed 0 0 0"
    assert "first boot install: failed (disk: full), 2001-09-09 01:46:40 UTC" in lines
    assert "refused claim: expected one that was made here, got another, 2001-09-09 01:46:40 UTC" in lines
    assert "proven no golden run is known" in lines
    with Fleet(fleet).registry() as registry:
        registry.take_reported("press-4", encode(Reported(1, proven_sha256="m" * 64)), now_s=2e9)
    [device] = answer("fleet", "status", "press-4")["devices"]
    assert (device["first_boot"], device["proven_sha256"]) == (None, "m" * 64)


def test_the_status_is_each_devices_own_word_beside_what_it_was_told(answer, command, fleet, package_path):
    answer("fleet", "release", package_path)
    answer("fleet", "enroll", "press-4", "--group", "hall-2")
    answer("fleet", "enroll", "press-5")
    answer("fleet", "assign", "tiny-7", "--group", "hall-2")
    update = UpdateReport("refused", "tiny-7", "agreement 0.2 is below 0.9")
    with Fleet(fleet).registry() as registry:
        registry.take_status("press-4", encode(Status(online=True, boot=1)), now_s=1e9)
        said = Reported(1, "tiny-6", "p" * 64, "m" * 64, "fp32", "running", update, dropped={"results": 3})
        registry.take_reported("press-4", encode(said), now_s=1e9)
    with Fleet(fleet).store() as store:
        store.take([("press-4", Batch("results", "0" * 16, 3, 3, (b"{}", b'{"seq":2}')))], now_s=1e9)
    [first, second] = answer("fleet", "status")["devices"]
    assert (first["presence"], first["release"], first["desired"]) == ("online", "tiny-6", "tiny-7")
    assert (first["received"], first["missing"]) == ({"results": 2}, {"results": 3})
    assert first["last_result"] == {"received_unix_s": 1e9, "row": {"seq": 2}}
    assert second["last_result"] is None
    assert (second["presence"], second["release"], second["desired"]) == ("never seen", "", "")
    _, out, _ = command("fleet", "status", "press-4")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1] == "press-4 online tiny-6 tiny-7 refused agreement 0.2 is below 0.9 running 2 0 3"
    assert f"model {'m' * 64} fp32" in lines
    assert "never came results 3" in lines
    assert 'last result 2001-09-09 01:46:40 UTC {"seq": 2}' in lines
    assert "heard 2001-09-09 01:46:40 UTC" in lines
    assert command("fleet", "status", "press-9")[0] == 3
