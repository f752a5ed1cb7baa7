"""The agent's service, through systemd: it is started anew when that is due, and must then stay up.

That it is due stands on the disk before there is a reason for it: a power cut or a kill leaves nothing old running.
"""

from __future__ import annotations

import time

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.places import Places

UNIT = "edge-sdk-agent.service"
_DUE = "restart-is-due"
_READY_S = 420.0
"""Longer than the unit's TimeoutStartSec and what systemd waits for a network: its own judgement comes first."""


def restart_later(places: Places) -> None:
    """Say that the agent must be started anew.

    Raises:
        OSError: The disk cannot be written.
    """
    durable.write(places.boot / _DUE, b"")


def settle(places: Places, *, settle_s: float) -> None:
    """Start the agent anew if that is due, or if it does not run; wait until it runs and stays up.

    Args:
        places: The board.
        settle_s: How long it must stay up.

    Raises:
        StepError: It does not.
        OSError: The disk cannot be written.
    """
    due = places.boot / _DUE
    if due.exists() or not _is_active():
        run("systemctl", "reset-failed", UNIT)
        started = run("systemctl", "restart", UNIT, timeout_s=_READY_S)
        if not started.is_good:
            raise StepError(f"{UNIT}: expected it to start, got {started.reason}")
    restarts = _restarts()
    time.sleep(settle_s)
    if not _is_active() or _restarts() != restarts:
        raise StepError(f"{UNIT}: expected it to stay up for {settle_s:g} s, got an end")
    due.unlink(missing_ok=True)
    durable.sync_folder(places.boot)


def reload_units() -> None:
    """Have systemd read its units again."""
    run("systemctl", "daemon-reload")


def _is_active() -> bool:
    return run("systemctl", "is-active", "--quiet", UNIT).is_good


def _restarts() -> str:
    return run("systemctl", "show", "--property=NRestarts", UNIT).out
