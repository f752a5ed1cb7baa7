from __future__ import annotations

import fcntl
import subprocess
import sys
import time

import pytest


@pytest.fixture
def running(board):
    """A board that runs version 1.0 by a kit."""
    board.give("1.0")
    assert board.run().returncode == 0
    assert board.runs == "1.0"
    return board


def test_an_upgrade_keeps_what_the_device_has_and_the_environment_before(running):
    before = (running.opt / "current").readlink()
    (running.root / "var/lib/edge-sdk/state.db").write_text("what the device has learnt")
    running.give("2.0")
    assert running.run().returncode == 0
    assert running.runs == "2.0"
    assert (running.opt / "previous").readlink() == before
    assert (running.root / "var/lib/edge-sdk/state.db").read_text() == "what the device has learnt"
    settings = running.root / "var/lib/edge-sdk/agent.toml"
    assert (settings.read_text(), settings.stat().st_mode & 0o777) == ('sources = ["camera:2.0"]\n', 0o600)


def test_settings_that_somebody_has_changed_stay(running):
    (running.root / "var/lib/edge-sdk/agent.toml").write_text('sources = ["csi:0"]\n')
    running.give("2.0")
    assert running.run().returncode == 0
    assert (running.root / "var/lib/edge-sdk/agent.toml").read_text() == 'sources = ["csi:0"]\n'


def test_an_agent_that_does_not_start_anew_gives_way_to_the_one_before_with_its_settings(running):
    running.give("2.0")
    running.fault("2.0 agent run", 1)
    assert running.run().returncode == 0
    assert (running.status["step"], running.status["state"]) == ("model", "failed")
    assert str(running.status["reason"]).endswith(f"; back to {(running.opt / 'current').readlink().name}")
    assert running.runs == "1.0"
    assert (running.root / "var/lib/edge-sdk/agent.toml").read_text() == 'sources = ["camera:1.0"]\n'
    assert "# 1.0" in (running.root / "etc/systemd/system/edge-sdk-agent.service").read_text()
    (running.root / "faults/2.0 agent run").unlink()
    assert running.run().returncode == 0  # as at the next boot
    assert running.runs == "2.0"


def test_a_model_that_fails_here_is_never_in_use(running):
    before = (running.opt / "current").readlink()
    running.give("2.0")
    running.fault("2.0 agent install", 6, said="error: golden: expected 0.9, got 0.1")
    assert running.run().returncode == 0
    assert running.status["state"] == "failed"
    assert (running.runs, (running.opt / "current").readlink()) == ("1.0", before)
    assert (running.root / "var/lib/edge-sdk/agent.toml").read_text() == 'sources = ["camera:1.0"]\n'


def test_a_disk_that_becomes_full_leaves_what_works_and_no_half_environment(running):
    running.give("2.0")
    (running.root / "faults/pip").touch()
    assert running.run().returncode == 1
    assert "No space left on device" in str(running.status["reason"])
    assert running.runs == "1.0"
    assert [path.name for path in (running.opt / "venvs").iterdir()] == [(running.opt / "current").readlink().name]
    (running.root / "faults/pip").unlink()
    assert running.run().returncode == 0
    assert running.runs == "2.0"


def test_the_kits_own_program_takes_over_from_the_one_that_the_board_has(running):
    older = running.opt / "boot/first_boot.pyz"
    older.write_bytes((running.kit / "first_boot.pyz").read_bytes() + b"another")
    running.give("2.0")
    command = [sys.executable, older, "--kit", running.kit, "--root", running.root, "--settle-s", "0"]
    subprocess.run(command, env=running.environment, check=True)
    assert older.read_bytes() == (running.kit / "first_boot.pyz").read_bytes()
    assert running.runs == "2.0"


def test_one_works_at_a_time_and_the_services_own_is_asked_to_give_way(running):
    running.give("2.0")
    with (running.opt / "boot/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = running.start()
        until_s = time.monotonic() + 20
        while "systemctl stop edge-sdk-first-boot.service" not in running.log and time.monotonic() < until_s:
            time.sleep(0.05)
        assert running.runs == "1.0"
    assert started.wait(30) == 0
    started.communicate()
    assert running.runs == "2.0"


def test_where_the_one_before_does_not_start_either_it_is_tried_again(running):
    running.give("2.0")
    for version in ("1.0", "2.0"):
        running.fault(f"{version} agent run", 1)
    assert running.run().returncode == 1
    assert "; going back: edge-sdk-agent.service: expected it to start, got " in str(running.status["reason"])
    (running.root / "faults/2.0 agent run").unlink()
    assert running.run().returncode == 0
    assert running.runs == "2.0"
