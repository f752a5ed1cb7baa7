"""A board as it says itself over SSH: how the proof is watched where no fleet can be asked."""

from __future__ import annotations

import json
from typing import Any

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.proof import Seen
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection
from edge_sdk.flash.ssh.probe import Installed, probe, read_installed


class BoardOverSsh:
    """A board that is asked anew with each look; one that is not reached shows nothing."""

    def __init__(self, target: str) -> None:
        """Name it.

        Args:
            target: `ssh://[user@]host[:port]`.

        Raises:
            InputError: It is no such address.
        """
        self._address = Address.parse(target)
        self._needs_sudo: bool | None = None

    def look(self) -> Seen:
        """Ask it; see `Watched`.

        Raises:
            TrustError: Its key is another than the known one, or not known.
        """
        try:
            with Connection(self._address) as board:
                if self._needs_sudo is None:
                    found = probe(board)
                    self._needs_sudo = found.needs_sudo
                    return read_seen(found.installed)
                return read_seen(read_installed(board, sudo=self._needs_sudo))
        except UnavailableError:  # it starts, or its network is gone for a while
            return Seen()


def read_seen(installed: Installed) -> Seen:
    """Return what a board shows by what is installed on it; what it says wrongly shows nothing."""
    seen = Seen(installed.step, installed.state, installed.reason)
    try:
        standing = json.loads(installed.agent)
        reported = standing["reported"]
        update = reported["update"]
        return Seen(
            seen.step,
            seen.step_state,
            seen.step_reason,
            has_reported=reported["boot"] > 0,
            is_online=standing["is_running"] is True,
            worker=_text(reported["worker"]),
            release=_text(reported["release"]),
            model_sha256=_text(reported["model_sha256"]),
            proven_sha256=_text(reported.get("proven_sha256", "")),
            update=f"{update['state']} {update['release']}".strip(),
        )
    except (ValueError, KeyError, TypeError):
        return seen


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
