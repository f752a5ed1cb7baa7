"""A board that runs, over SSH: asked what it is, planned, asked for, and given its kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_sdk.cli import output
from edge_sdk.cli.flash.making import Making
from edge_sdk.cli.flash.wishes import Wishes
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.flash import Kit, Parcel
    from edge_sdk.flash.plan import Board, Plan
    from edge_sdk.flash.ssh.probe import Probe
    from edge_sdk.flash.ssh.provision import Outcome
    from edge_sdk.flash.target import Target
    from edge_sdk.profiles import DeviceProfile

_STEPS = (
    "send what of the kit is not there yet, and check it",
    "make an environment for it beside the one that is in use",
    "run the package's golden inputs",
    "make the agent a service; if it does not come up, go back to what was there",
)


def flash_over_ssh(target: Target, wishes: Wishes, making: Making) -> Kit | None:
    """Give a board that runs its kit, and have it installed; None if only the plan was asked for.

    Raises:
        InputError: The kit is not for this board.
        TrustError: The board's key is another than the known one, or not known.
        UnavailableError: The board is not reached, lacks something, or broke off.
        GateError: The board has taken the kit, and a step of it failed for good.
    """
    from edge_sdk.flash.ssh.address import Address
    from edge_sdk.flash.ssh.connection import Connection
    from edge_sdk.flash.ssh.fitness import notes, require_able, require_fit, system_of
    from edge_sdk.flash.ssh.probe import probe
    from edge_sdk.flash.ssh.provision import provision_board

    output.note(f"asking {target.name} what it is")
    with Connection(Address.parse(target.name)) as board:
        found = probe(board)
        require_able(board.address, found)
        profile = _profile(target, wishes, found)
        for note in notes(found, profile):
            output.note(f"note: {note}")
        system = system_of(found, profile)
        parcel = making.parcel(wishes, profile, system)
        require_fit(board.address, found, parcel.kit, may_rename=wishes.may_rename)
        becomes = making.board(wishes, profile)
        if not making.manner.ask(_plan(target, found, parcel, becomes)):
            return None
        if (found.installed.member, found.installed.fleet) != (becomes.device, becomes.fleet):
            parcel = making.claimed(parcel, wishes)
        outcome = provision_board(board, found, parcel, output.note, may_rename=wishes.may_rename)
        return _done(outcome, parcel)


def _done(outcome: Outcome, parcel: Parcel) -> Kit:
    output.note(f"it had {outcome.was}; sent {outcome.sent_files} files, {outcome.sent_bytes / 1e6:.1f} MB")
    if outcome.is_done:
        return parcel.kit
    how = f"journalctl -u edge-sdk-first-boot on the board, or sudo cat {_STATUS}"
    if outcome.state == "failed":
        raise GateError(f"{outcome.target}: {outcome.step}: {outcome.reason}", hint=how)
    raise UnavailableError(
        f"{outcome.target}: expected the end of the first boot, got {outcome.step}: {outcome.reason or 'going on'}",
        hint=f"the board goes on by itself; {how}",
    )


_STATUS = "/opt/edge-sdk/boot/status.json"


def _profile(target: Target, wishes: Wishes, found: Probe) -> DeviceProfile:
    if not (wishes.profile or found.profile):
        raise InputError(
            f"{target.name}: expected a board that a profile names, got {found.why_no_profile}",
            hint="--profile NAME: edge-sdk profiles list",
        )
    return load_profile(wishes.profile or found.profile)


def _plan(target: Target, found: Probe, parcel: Parcel, board: Board) -> Plan:
    from edge_sdk.flash.plan import Plan

    return Plan(
        target=target.name,
        kind=target.kind,
        says=", ".join(found.marks[:1]),
        system=found.jetpack or found.os_name,
        customisation="",
        image="",
        image_bytes=0,
        free_bytes=found.free_opt_bytes,
        kit_bytes=parcel.size_bytes,
        kit=parcel.kit,
        kit_sha256=parcel.kit.digest,
        board=board,
        estimate_s=0.0,
        steps=_STEPS,
    )
