"""A board as it says itself over SSH: how the proof is watched where no fleet can be asked.

- One login serves all looks. Where it breaks, as when the board starts anew, the next look makes another.
- A board that cannot be reached now shows nothing; one whose key has changed is told at once.
"""

from __future__ import annotations

import json
from typing import Any

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.proof import Seen
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection
from edge_sdk.flash.ssh.probe import Installed, read_installed


class BoardOverSsh:
    """A board that is asked with each look; used in `with`, which ends the login."""

    def __init__(self, target: str) -> None:
        """Name it.

        Args:
            target: `ssh://[user@]host[:port]`.

        Raises:
            InputError: It is no such address.
        """
        self._address = Address.parse(target)
        self._connection: Connection | None = None

    def __enter__(self) -> BoardOverSsh:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def look(self) -> Seen:
        """Ask it; see `Watched`.

        Raises:
            TrustError: Its key is another than the known one, or not known.
        """
        try:
            return read_seen(read_installed(self._reached()))
        except UnavailableError:  # it starts, or its network is gone for a while
            self._leave()
            return Seen()

    def _reached(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._address).__enter__()
        return self._connection

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.__exit__(None, None, None)
            self._connection = None


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
