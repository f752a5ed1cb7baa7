"""The power goes at every kind of doing of the first boot, again and again on one board, and it ends done."""

from __future__ import annotations

import time

from tests.flash.fresh_board import WIFI, claim, kill

FRESH = (
    ("os.rename .*boot/claim.json", 1),
    ("open .*edge-sdk/claim.json r", 1),  # the copy is there, the card's is still whole
    ("os.rename .*system-connections", 1),
    (r"os.rename .*\.whole", 1),
    ("os.rename .*current", 1),
    (r"os.rename .*\.proven", 1),
)
UPGRADE = (
    (r"os.rename .*\.whole", 1),
    ("os.rename .*previous", 1),
    ("os.rename .*current", 1),
    (r"os.rename .*venvs.*\.proven", 1),
)
"""All doings, one by one: scripts/bootcuts."""


def test_a_first_boot_that_is_cut_off_at_every_step_ends_done(board):
    board.give(secrets={"claim.json": claim(), "wifi.json": WIFI})
    (board.root / "usr/sbin/NetworkManager").touch()
    for cut in FRESH:
        assert board.run(cut=cut).returncode == -9, cut
        assert board.current_works(), cut
    assert board.run().returncode == 0
    assert board.status["step"] == "done"
    assert (board.runs, (board.root / "run/is-member").read_text()) == ("1.0", "True")
    assert (board.root / "etc/NetworkManager/system-connections/edge-sdk.nmconnection").exists()
    assert [path.name for path in (board.opt / "venvs").iterdir()] == [(board.opt / "current").readlink().name]
    assert not [path for path in board.root.rglob("*.part")]


def test_an_upgrade_that_is_cut_off_at_every_step_ends_done_and_always_has_a_whole_environment(board):
    board.give("1.0")
    assert board.run().returncode == 0
    board.give("2.0")
    for cut in UPGRADE:
        assert board.run(cut=cut).returncode == -9, cut
        assert (board.opt / "current").exists()
        assert board.current_works(), cut
    assert board.run().returncode == 0
    assert board.runs == "2.0"
    kept = {(board.opt / name).readlink().name for name in ("current", "previous")}
    assert {path.name for path in (board.opt / "venvs").iterdir()} == kept
    assert len(kept) == 2


def test_the_power_goes_at_any_time(board):
    board.give()
    for after_s in (0.2, 0.4):
        started = board.start()
        time.sleep(after_s)
        kill(started)
        assert board.current_works()
    assert board.run().returncode == 0
    assert board.runs == "1.0"
