from __future__ import annotations

import json
import platform
import time

import pytest

from edge_sdk.flash.board_side.commands import Finished
from edge_sdk.flash.board_side.membership import is_refused
from tests.flash.fresh_board import LOGIN, WIFI, Board, claim, pip_wheel

STEPS = ["check", "settings", "install", "board", "model", "enrol", "done"]


def test_a_fresh_board_becomes_what_its_kit_says_with_the_real_pip(tmp_path):
    board = Board(tmp_path, pip_wheel(tmp_path))
    kit = board.give(secrets={"claim.json": claim(), "wifi.json": WIFI}, login=LOGIN)
    (board.root / "usr/sbin/NetworkManager").touch()
    done = board.run("--settle-s", "0.1")
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(change["step"], change["state"]) for change in said] == [
        (step, state) for step in STEPS for state in ("doing", "done")
    ]
    assert board.runs == "1.0"
    assert (board.root / "var/lib/edge-sdk/identity").read_bytes() == json.dumps(claim()).encode()
    assert json.loads((board.kit / "status.json").read_text()) == board.status
    assert (board.status["kit"], set(board.status["steps"])) == (kit.digest, set(STEPS))
    assert (board.opt / "current").readlink().name == kit.digest[:16]
    assert next((board.opt / "current/lib").rglob("edge_stand_in.*.pyc"))


def test_the_same_kit_again_is_nothing_to_do(board):
    board.give()
    assert board.run().returncode == 0
    before = board.log
    begun_s = time.monotonic()
    again = board.run()
    assert (again.returncode, again.stdout, board.log) == (0, "", before)
    assert time.monotonic() - begun_s < 5  # a second on a machine that does nothing else


def test_no_secret_stays_on_the_card_or_on_the_board(board):
    board.give(secrets={"claim.json": claim(), "wifi.json": WIFI})
    assert board.run().returncode == 0
    assert not {"claim.json", "wifi.json"} & {path.name for path in (*board.kit.iterdir(), *board.opt.rglob("*"))}
    (board.root / "var/lib/edge-sdk/identity").unlink()
    secrets = (str(claim()["token"]), str(WIFI["psk"]))
    files = [path for path in board.root.rglob("*") if path.is_file()]
    assert not [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"arch": "aarch64" if platform.machine() == "x86_64" else "x86_64"}, "system: expected "),
        ({"python": "3.99"}, "python3: expected Python 3.99, got Python 3."),
        ({"glibc": "2.999"}, "glibc: expected 2.999 or newer, got 2."),
    ],
)
def test_a_kit_for_another_system_is_refused_for_good(board, fields, reason):
    board.give(**fields)
    assert board.run().returncode == 0
    assert (board.status["step"], board.status["state"]) == ("check", "failed")
    assert str(board.status["reason"]).startswith(reason)
    assert not (board.opt / "venvs").exists()


def test_too_little_room_is_told_before_anything_is_made_and_tried_again(board):
    board.give(needs_bytes=1 << 60)
    assert board.run().returncode == 1
    assert str(board.status["reason"]).startswith(f"disk: expected {1 << 60} bytes free, got ")


def test_a_kit_that_was_changed_is_refused(board):
    board.give()
    (board.kit / "tiny-1.edge").write_bytes(b"another package")
    assert board.run().returncode == 0
    assert str(board.status["reason"]).startswith("tiny-1.edge: expected SHA-256 ")


def test_the_wrong_board_is_refused_and_one_for_any_board_is_not(board):
    board.give()
    (board.root / "board").write_text("raspberry-pi-4b")
    assert board.run().returncode == 0
    assert board.status["reason"] == "board: expected raspberry-pi-5, got raspberry-pi-4b: wrong board"
    assert board.runs == ""
    (board.root / "board").write_text("arm64")
    assert board.run().returncode == 0
    assert board.status["step"] == "done"


def test_a_model_that_fails_its_golden_inputs_does_not_run(board):
    board.give()
    board.fault("1.0 agent install", 6, said="error: golden: expected 0.9, got 0.1\nhint: none")
    assert board.run().returncode == 0
    assert board.status["reason"] == "agent install: expected success, got golden: expected 0.9, got 0.1"
    assert board.runs == ""


def test_a_refused_claim_is_final_and_the_model_runs_all_the_same(board):
    board.give(secrets={"claim.json": claim()})
    board.fault("1.0 agent enroll", 3, said="error: claim: expected one that still holds, got one that has ended")
    assert board.run().returncode == 0
    assert board.status["step"] == "enrol"
    assert board.status["reason"] == "claim: claim: expected one that still holds, got one that has ended"
    assert board.runs == "1.0"


def test_a_fleet_that_is_not_reached_is_waited_for(board):
    board.give(secrets={"claim.json": claim()})
    board.fault("1.0 agent enroll", 5, times=1, said="error: server: expected an answer, got none")
    done = board.run()
    assert '{"step": "enrol", "state": "doing", "reason": "server: expected an answer, got none"}' in done.stdout
    assert (done.returncode, board.status["step"]) == (0, "done")
    assert (board.root / "run/is-member").read_text() == "True"


def test_a_clock_that_is_behind_the_servers_certificate_is_no_refusal():
    assert is_refused(Finished(4, "", "error: https://fleet:1: expected a server of this fleet, got self-signed"))
    assert not is_refused(Finished(4, "", "error: https://fleet:1: got certificate is not yet valid"))
    assert not is_refused(Finished(5, "", "error: https://fleet:1: expected an answer, got none"))


def test_recovery_is_asked_for_once(board):
    board.give()
    assert board.run().returncode == 0
    (board.kit / "recover").touch()
    assert board.run().returncode == 0
    order = ["agent recover --yes", "agent install --yes", "systemctl restart edge-sdk-agent"]
    places = [board.log.rindex(said) for said in order]
    assert places == sorted(places)
    assert not (board.kit / "recover").exists()
    assert board.status["step"] == "done"


def test_recovery_mends_an_environment_that_does_not_answer_and_settings_that_cannot_be_read(board):
    board.give()
    assert board.run().returncode == 0
    (board.opt / "current/bin/edge-sdk").unlink()
    settings = board.root / "var/lib/edge-sdk/agent.toml"
    settings.write_bytes(bytes(20))
    board.fault("1.0 agent recover", 3, times=1, said="error: agent.toml: expected TOML, got zeros")
    assert board.run("--recover", "--once").returncode == 0
    assert board.runs == "1.0"
    assert board.current_works()
    assert settings.read_text() == 'sources = ["camera:1.0"]\n'
    assert settings.with_name("agent.toml.lost").read_bytes() == bytes(20)
