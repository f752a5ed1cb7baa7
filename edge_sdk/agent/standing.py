"""What can be told of this board from its folder, whether its agent runs or not."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent.commands import read_state_of
from edge_sdk.agent.home import read_home
from edge_sdk.agent.slots import NAMES, Slots
from edge_sdk.agent.state import State
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import decode
from edge_sdk.wire.messages import CommandState, Reported

REPORTED = "reported"
"""The document of what was reported last."""
_LOCK = "agent.lock"


@dataclass(frozen=True, slots=True)
class Standing:
    """How this board stands.

    Attributes:
        is_running: Whether its agent runs.
        device: Its name in its fleet; empty without one.
        fleet: The fleet; empty without one.
        current: Digest of the package in use, when nothing is on trial; empty for none.
        goes_back_to: Digest of the one that a rollback leads to; empty for none.
        reported: What was reported last.
    """

    is_running: bool
    device: str = ""
    fleet: str = ""
    current: str = ""
    goes_back_to: str = ""
    reported: Reported = field(default_factory=lambda: Reported(boot=0))


def lock(folder: Path) -> int:
    """Make sure that one agent only works in a folder; return what holds that, until it is closed.

    Raises:
        UnavailableError: Another one does, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise files.unwritable(folder / _LOCK, exc) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(handle)
        raise UnavailableError(f"{folder}: expected no other agent to run there, got one") from exc
    return handle


def read_standing(folder: Path) -> Standing:
    """Tell how a board stands.

    Raises:
        InputError: There is no agent's folder.
        UnavailableError: It cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected the folder of an agent, got nothing there", hint="--state FOLDER")
    slots, home = Slots(folder), read_home(folder)
    current = slots.digest("current")
    back_to = next((digest for name in NAMES if (digest := slots.digest(name)) not in {"", current}), "")
    device, fleet = (home.device, home.fleet) if home else ("", "")
    return Standing(_is_locked(folder), device, fleet, current, back_to, _read_reported(folder))


def settled(folder: Path, command_id: str) -> CommandState | None:
    """Return how a command ended; None if it has not.

    Raises:
        UnavailableError: The disk cannot be read.
    """
    with State(folder / "state.db") as state:
        found = read_state_of(state, command_id)
    return found if found and found.stage in {"successful", "failed"} else None


def _is_locked(folder: Path) -> bool:
    try:
        os.close(lock(folder))
    except UnavailableError:
        return True
    return False


def _read_reported(folder: Path) -> Reported:
    if not (folder / "state.db").exists():
        return Reported(boot=0)
    with State(folder / "state.db") as state:
        document = state.read(REPORTED)
    try:
        return Reported(boot=0) if document is None else decode(Reported, document, where=REPORTED)
    except InputError:
        return Reported(boot=0)
