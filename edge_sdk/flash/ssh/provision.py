"""Makes a board that runs one of edge-sdk: asks what it is, brings the kit, has its first boot done, tells how it went.

- Nothing on the board is changed before every check has passed. What is changed is one folder, until the kit's own
  program takes over; that may be cut off at any moment and done again, here or by the board itself.
- A board that has edge-sdk gets the new kit, and keeps its state, its name and its settings.
- The same again on a board that is done finds nothing to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.kit import Parcel
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection, Limits
from edge_sdk.flash.ssh.deliver import deliver
from edge_sdk.flash.ssh.errand import PYTHON
from edge_sdk.flash.ssh.fitness import require_able, require_fit
from edge_sdk.flash.ssh.probe import Probe, probe, read_installed

KIT_FOLDER = "/opt/edge-sdk/kit"
_FIRST_BOOT = PYTHON + " {kit}/first_boot.pyz --kit {kit} --once"
_START = "sh {kit}/start.sh"
_WORK = Limits(seconds=7200.0, max_bytes=4 << 20)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    Attributes:
        target: The board's address.
        device: Its name.
        kit: Digest of the kit that it has.
        was: What it had before: nothing, another kit, or this one.
        sent_files: Files that were brought.
        sent_bytes: What was sent of them.
        step: The step that the first boot came to; `done` is the last one.
        state: How that step stands: doing, done or failed.
        reason: Why it failed, or what the board could not take.
    """

    target: str
    device: str
    kit: str
    was: str
    sent_files: int
    sent_bytes: int
    step: str
    state: str
    reason: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the board is what its kit says."""
        return (self.step, self.state) == ("done", "done")


@dataclass(slots=True)
class _Told:
    """What the first boot told last."""

    tell: Callable[[str], None]
    last: dict[str, Any] = field(default_factory=dict)

    def __call__(self, line: str) -> None:
        try:
            said = json.loads(line)
            step, state, reason = (str(said[name]) for name in ("step", "state", "reason"))
        except (ValueError, KeyError, TypeError):
            return  # a program of the system's that talks in between
        self.last = {"step": step, "state": state, "reason": reason}
        self.tell(f"{step}: {state}" + (f" ({reason})" if reason else ""))


def provision(
    target: str,
    parcel_for: Callable[[Probe], Parcel],
    tell: Callable[[str], None],
    *,
    may_rename: bool = False,
    profiles: Path | None = None,
) -> Outcome:
    """Make a board that runs one of edge-sdk, or upgrade it.

    Args:
        target: `ssh://[user@]host[:port]`.
        parcel_for: Makes the kit, once it is known what the board is.
        tell: Called with what is being done.
        may_rename: Whether a board that has another name may get this one.
        profiles: Folder of the user's own profiles.

    Raises:
        InputError: The target is none, or the kit is for another board, system or device.
        TrustError: The board's key is another than the known one, or not known.
        UnavailableError: The board is not reached, cannot take edge-sdk, or broke off.
    """
    with Connection(Address.parse(target)) as board:
        found = probe(board, profiles)
        require_able(board.address, found)
        return provision_board(board, found, parcel_for(found), tell, may_rename=may_rename)


def provision_board(
    board: Connection, found: Probe, parcel: Parcel, tell: Callable[[str], None], *, may_rename: bool = False
) -> Outcome:
    """Do the same over a connection that is there, to a board that was asked what it is.

    Raises:
        InputError: The kit is for another board, system or device.
        UnavailableError: The board cannot take edge-sdk, or broke off.
    """
    kit = parcel.kit
    require_able(board.address, found)
    require_fit(board.address, found, kit, may_rename=may_rename)
    delivery = deliver(board, parcel, tell, sudo=found.needs_sudo)
    told = _first_boot(board, tell, sudo=found.needs_sudo)
    before = found.installed.kit_digest
    return Outcome(
        target=str(board.address),
        device=kit.device,
        kit=kit.digest,
        was="nothing" if not before else "this kit" if before == kit.digest else "another kit",
        sent_files=delivery.file_count,
        sent_bytes=delivery.size_bytes,
        **told,
    )


def recover(target: str, tell: Callable[[str], None]) -> Outcome:
    """Put a board that lost its state back to the model of its kit.

    Args:
        target: `ssh://[user@]host[:port]`.
        tell: Called with what is being done.

    Raises:
        InputError: The target is none.
        TrustError: The board's key is another than the known one, or not known.
        UnavailableError: The board is not reached, or has no kit to go back to.
    """
    with Connection(Address.parse(target)) as board:
        found = probe(board)
        require_able(board.address, found)
        there = found.installed
        if not there.kit_digest:
            raise UnavailableError(
                f"{target}: expected a kit to go back to, got none",
                hint=f"flash it: edge-sdk flash {target} PACKAGE …",
            )
        told = _first_boot(board, tell, kit=there.kit_folder, sudo=found.needs_sudo, more=" --recover")
        return Outcome(target, there.kit_device, there.kit_digest, "this kit", 0, 0, **told)


def _first_boot(
    board: Connection, tell: Callable[[str], None], *, sudo: bool, kit: str = KIT_FOLDER, more: str = ""
) -> dict[str, Any]:
    """Have the kit's program do its work, then have systemd run it at each boot; return what it told last."""
    root, told = "sudo -n " if sudo else "", _Told(tell)
    answer = board.run(root + _FIRST_BOOT.format(kit=kit) + more, on_line=told, limits=_WORK)
    started = board.run(root + _START.format(kit=kit))
    if started.status:
        raise UnavailableError(f"{board.address}: start.sh: expected success, got {_last(started.errors)}")
    if told.last:
        return told.last
    if answer.status:
        raise UnavailableError(
            f"{board.address}: first boot: expected its steps, got {_last(answer.errors)}",
            hint="run the same again; on the board: journalctl -u edge-sdk-first-boot",
        )
    tell("done already")
    there = read_installed(board)
    return {"step": there.step, "state": there.state, "reason": there.reason}


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1][:300].removeprefix("error: ") if lines else "nothing"
