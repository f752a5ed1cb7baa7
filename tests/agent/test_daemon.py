"""The whole agent, as a real process with a real worker, alone and in a fleet."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from edge_sdk.files import sha256_hex
from edge_sdk.outbox import Outbox
from edge_sdk.wire.messages import Command, Reported
from tests.agent.plant import GATES, Agent, Plant, document, log_of, make_board, wait_for
from tests.runtime.swap import candidates

GOOD, BETTER, WRONG = (candidates.colors(factor) for factor in (10.0, 11.0, -10.0))


@pytest.fixture
def package(tmp_path):
    return candidates.write(tmp_path / "tiny-1.edge", GOOD)


def reported(board):
    return document(board, "reported", Reported)


def is_running(pid):
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    return False


def edge_sdk(*arguments):
    program = "import edge_sdk.cli; edge_sdk.cli.main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_board_without_a_fleet_runs_the_model_that_it_comes_with(tmp_path, package):
    board = make_board(tmp_path / "board", package=package)
    with Agent(board) as agent:
        wait_for(lambda: reported(board), that=lambda told: told.worker == "running" and told.model_sha256)
        told = edge_sdk("agent", "status", "--state", board, "--json")
        assert f'"{sha256_hex(GOOD)}"' in told.stdout, told.stderr
        assert '"is_running": true' in told.stdout
        refused = edge_sdk("agent", "rollback", "--yes", "--state", board)
        assert (refused.returncode, refused.stderr) == (
            3,
            f"error: {board}: expected another release to go back to, got none\n",
        )
        another = edge_sdk("agent", "run", "--state", board)
        assert (another.returncode, another.stderr.splitlines()[-1]) == (
            5,
            f"error: {board}: expected no other agent to run there, got one",
        )
        assert agent.end() == 0, log_of(board)
    assert '"is_running": false' in edge_sdk("agent", "status", "--state", board, "--json").stdout


def test_a_damaged_outbox_keeps_no_agent_from_running_and_is_an_event(tmp_path, package):
    board = make_board(tmp_path / "board", package=package)
    (board / "outbox.db").write_bytes(os.urandom(10_000))
    with Agent(board) as agent:
        wait_for(lambda: reported(board), that=lambda told: told.worker == "running")
        assert agent.end() == 0, log_of(board)
    with Outbox.open(board / "outbox.db", {}) as outbox:
        rows = outbox.batch("events", max_rows=100, max_bytes=100_000).rows
    assert json.loads(rows[0])["cause"] == "the file was damaged and moved aside: what waited in it is lost"


def test_systemd_hears_that_it_is_ready_alive_and_stops(tmp_path, package):
    board = make_board(tmp_path / "board", package=package)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        with Agent(board, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="60000000") as agent:
            said = [manager.recv(4096).decode()]
            while "tiny-1: running" not in said[-1]:
                said.append(manager.recv(4096).decode())
            agent.process.terminate()
            while said[-1] != "STOPPING=1":
                said.append(manager.recv(4096).decode())
    assert said[0] == "READY=1"
    assert said[1].startswith("WATCHDOG=1\nSTATUS=")


def test_a_good_update_is_confirmed_a_wrong_one_refused_and_commands_are_done(tmp_path, package):
    board, plant = make_board(tmp_path / "board", package=package), Plant(tmp_path)
    plant.enrol(board)
    with plant.running(), Agent(board) as agent:
        plant.hear("reported", that=lambda told: told.model_sha256 == sha256_hex(GOOD))
        assert plant.told["status"].online and plant.told["status"].boot == 1
        plant.release(BETTER, version=2)
        told = plant.hear("reported", that=lambda told: told.update.state == "confirmed")
        assert (told.release, told.model_sha256) == ("tiny-2", sha256_hex(BETTER)), log_of(board)
        assert told.proven_sha256 == sha256_hex(BETTER)

        plant.release(WRONG, version=3)
        told = plant.hear("reported", that=lambda told: told.update.state == "refused")
        assert (told.update.release, told.release) == ("tiny-3", "tiny-2")
        assert told.update.reason == "expected an agreement of 0.9 or more, got 0.000 on 5 samples"

        rows = wait_for(lambda: plant.store.rows("results"), that=lambda rows: len(rows) > 100)
        assert {json.loads(row)["model"] for _, _, row in rows} >= {sha256_hex(GOOD), sha256_hex(BETTER)}
        events = wait_for(lambda: [json.loads(row) for _, _, row in plant.store.rows("events")])
        stages = [event["stage"] for event in events if event["kind"] == "update"]
        assert stages[stages.index("golden") :][:4] == ["golden", "shadow", "trial", "confirmed"]

        plant.command(Command("c1", "pause"), Command("c2", "dance"), Command("c3", "resume"))
        states = plant.hear("command", that=lambda told: told.states.get("c3", None) is not None).states
        states = plant.hear("command", that=lambda told: told.states["c3"].stage == "successful").states
        assert (states["c1"].stage, states["c2"].stage) == ("successful", "failed")
        assert states["c2"].reason.startswith("command: expected status, pause, resume")

        plant.command(Command("c4", "rollback"))
        plant.hear("command", that=lambda told: "c4" in told.states and told.states["c4"].stage == "successful")
        told = plant.hear("reported", that=lambda told: told.release == "tiny-1")
        assert (told.model_sha256, told.update.state) == (sha256_hex(GOOD), "rolled_back")
        assert agent.end() == 0
        assert not plant.hear("status", that=lambda status: not status.online).online


def test_a_trial_that_crashes_hangs_or_stops_is_rolled_back(tmp_path, package):
    """The worker is hung while the new model is on trial; the board goes back by itself, within a minute."""
    board, plant = make_board(tmp_path / "board", package=package), Plant(tmp_path)
    plant.enrol(board)
    gates = type(GATES)(shadow_samples=0, trial_results=100_000, trial_s=600.0)
    with plant.running(), Agent(board) as agent:
        plant.hear("reported", that=lambda told: told.model_sha256 == sha256_hex(GOOD))
        plant.release(BETTER, version=2, gates=gates)
        plant.hear("reported", that=lambda told: told.model_sha256 == sha256_hex(BETTER))
        os.kill(agent.workers()[0], signal.SIGSTOP)
        told = plant.hear("reported", that=lambda told: told.update.state == "rolled_back" and told.model_sha256)
        assert (told.release, told.model_sha256) == ("tiny-1", sha256_hex(GOOD))
        assert "10 s" in told.update.reason


def test_a_killed_agent_takes_its_worker_along_and_the_next_one_goes_on(tmp_path, package):
    board = make_board(tmp_path / "board", package=package)
    with Agent(board) as agent:
        wait_for(lambda: reported(board), that=lambda told: told.worker == "running")
        (worker,) = agent.workers()
        assert agent.end(signal.SIGKILL) == -signal.SIGKILL
        wait_for(lambda: not is_running(worker))
    with Agent(board):
        wait_for(lambda: reported(board), that=lambda told: (told.boot, told.worker) == (2, "running"))


def test_the_agent_itself_loads_neither_numpy_nor_onnxruntime_nor_opencv():
    heavy = {"numpy", "onnxruntime", "cv2", "onnx", "tuf", "cryptography", "typer", "rich"}
    program = f"import sys, edge_sdk.agent.main, paho.mqtt.client; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
