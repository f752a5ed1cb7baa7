"""Flashes a board over SSH, again, to a newer package, and back to its own; each time what must hold is looked at."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge_sdk.cli.demo.cards import write_belt, write_model
from edge_sdk.flash.kit import Parcel
from edge_sdk.flash.pack import Order, pack
from edge_sdk.flash.ssh import Outcome, Probe, notes, provision, recover, system_of
from edge_sdk.flash.wheels import collect
from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from tests.flash.ssh.throwaway import Throwaway, make, missing

_CACHE = Path(".sshlab/wheels")
_SETTINGS = b'sources = ["/var/lib/belt.avi?pace=real&repeat=1"]\n'
_MODEL_S = 240.0


def main(lower: Path) -> int:
    """Do all of it; return the exit code."""
    lacks = missing()
    if lacks:
        sys.stderr.write(f"error: sshlab: expected {lacks}, got none\n")
        return 5
    with tempfile.TemporaryDirectory(prefix="sshlab-") as name:
        folder = Path(name)
        (folder / "board").mkdir()
        board = make(folder / "board", lower.resolve(), systemctl=Path(__file__).with_name("systemctl").read_text())
        board.start()
        try:
            os.environ["PATH"] = f"{board.programs}:{os.environ['PATH']}"
            _flash_all(board, folder)
        except BaseException:
            for log in ("edge-systemctl", "edge-sdk-agent.service.log"):
                sys.stderr.write(board.do(f"tail -n 30 /var/log/{log} 2>/dev/null || true"))
            raise
        finally:
            board.stop()
    return 0


def _flash_all(board: Throwaway, folder: Path) -> None:
    board.do("cat > /var/lib/belt.avi", given=write_belt(folder / "belt.avi").read_bytes())
    first, second = (
        write_model(folder / f"cards-{version}.edge", version=version, factor=8.0 + 2 * version) for version in (1, 2)
    )
    fresh = _told("fresh board", lambda: _flash(board, first))
    assert (fresh.was, fresh.is_done) == ("nothing", True), fresh
    _expect_model(board, first)
    again = _told("the same again", lambda: _flash(board, first))
    assert (again.was, again.sent_files, again.is_done) == ("this kit", 0, True), again
    state = board.do("cat /var/lib/edge-sdk/agent.toml")
    upgrade = _told("upgrade", lambda: _flash(board, second))
    assert (upgrade.was, upgrade.sent_files, upgrade.is_done) == ("another kit", 1, True), upgrade
    _expect_model(board, second)
    assert board.do("cat /var/lib/edge-sdk/agent.toml") == state
    board.do("rm -rf /var/lib/edge-sdk/releases /var/lib/edge-sdk/current /var/lib/edge-sdk/factory")
    back = _told("recovery", lambda: recover(board.url, _tell))
    assert back.is_done, back
    _expect_model(board, second)


def _flash(board: Throwaway, package: Path) -> Outcome:
    def parcel_for(found: Probe) -> Parcel:
        profile = load_profile(found.profile or "arm64")
        system = system_of(found, profile)
        for note in notes(found, profile):
            _tell(f"note: {note}")
        order = Order(open_package(package), profile, "press-4", _SETTINGS, system)
        return pack(order, collect(system, _CACHE, from_folder=None, tell=_tell), time.time())

    return provision(board.url, parcel_for, _tell)


def _expect_model(board: Throwaway, package: Path) -> None:
    """Wait until the board has loaded a package's model, and has proven it."""
    wanted = open_package(package).manifest.variants["fp32"].model.sha256
    until_s = time.monotonic() + _MODEL_S
    while True:
        reported = json.loads(board.do("/opt/edge-sdk/current/bin/edge-sdk agent status --json"))["reported"]
        if {reported["model_sha256"], reported["proven_sha256"]} == {wanted}:
            _tell(f"the board runs {wanted[:12]}, proven")
            return
        assert time.monotonic() < until_s, reported
        time.sleep(2)


def _told(title: str, do: Callable[[], Outcome]) -> Outcome:
    _tell(f"== {title}")
    begun_s = time.monotonic()
    outcome = do()
    took_s, sent_mb = time.monotonic() - begun_s, outcome.sent_bytes / 1e6
    _tell(f"{outcome.step}: {outcome.state} after {took_s:.0f} s, {sent_mb:.1f} MB sent")
    return outcome


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
