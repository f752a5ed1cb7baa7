"""What the operator sees of a fleet: each device's own word, beside what it was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from edge_sdk.errors import InputError
from edge_sdk.fleet.enrolment import Member
from edge_sdk.fleet.folder import Fleet
from edge_sdk.fleet.registry import Board, Told
from edge_sdk.fleet.wishes import Wishes
from edge_sdk.wire.messages import Reported

_MAX_COMMANDS = 8


@dataclass(frozen=True, slots=True)
class LastResult:
    """The last result that is kept of a device.

    Attributes:
        received_unix_s: When it came.
        row: It.
    """

    received_unix_s: float
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """What is known of a board that has not reported since.

    Attributes:
        step: The step that it told of last; empty for none.
        state: How that stood: `doing`, `done`, `failed`.
        reason: Why.
        unix_s: When it was told.
        refused: Why a claim in its name was refused last; empty for none.
        refused_unix_s: When.
        enrolled_unix_s: When its claim was used; 0 if it was not.
    """

    step: str
    state: str
    reason: str
    unix_s: int
    refused: str
    refused_unix_s: int
    enrolled_unix_s: int


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device.

    Attributes:
        device: Its name.
        groups: The groups it is in.
        presence: `online`, `offline`, or `never seen`.
        seen_unix_s: When it was heard last; 0 for never.
        desired: The release it is to look for; empty for none.
        release: The one that is active there, by its own word; empty for none.
        model_sha256: Digest of the bytes that were really loaded.
        family: Which variant they are.
        proven_sha256: Digest of the model that gave its golden outputs there.
        worker: How its worker is.
        update_state: How its last update stands.
        reason: Why that was refused or rolled back.
        trust: Version of each TUF role that it verified last.
        time_trusted: Whether its clock can be right.
        waiting: Rows that wait there, by stream.
        dropped: Rows that it gave up, by stream.
        received: Rows that came from it, by stream.
        missing: Rows that will never come, by stream: it had to give them up.
        last_result: The last of its results that is kept.
        commands: Its last commands.
        first_boot: How far it has come, until it reports; None from then on, or if nothing is known.
    """

    device: str
    groups: tuple[str, ...]
    presence: str
    seen_unix_s: float
    desired: str
    release: str = ""
    model_sha256: str = ""
    family: str = ""
    worker: str = ""
    update_state: str = ""
    reason: str = ""
    trust: dict[str, int] = field(default_factory=dict)
    time_trusted: bool = False
    waiting: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    last_result: LastResult | None = None
    commands: tuple[Told, ...] = ()
    proven_sha256: str = ""
    first_boot: FirstBoot | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """A fleet.

    Attributes:
        fleet: Its name.
        devices: Its devices, by name.
    """

    fleet: str
    devices: tuple[DeviceStatus, ...]


def overview(fleet: Fleet, device: str = "") -> Overview:
    """Return how a fleet is, or one device of it.

    Raises:
        InputError: There is no such device.
        UnavailableError: What is known cannot be read.
    """
    members = [member for member in fleet.enrolment().members() if device in ("", member.device)]
    if device and not members:
        raise InputError(f"{device}: expected a member of the fleet, got none", hint=f"edge-sdk fleet enroll {device}")
    with fleet.registry() as registry:
        wishes = Wishes(fleet, registry)
        wishes.look()
        boards = {board.device: board for board in registry.boards()}
        told = registry.told(device)
    received, missing = _stored(fleet)
    with fleet.store() as store:
        last = {one.device: LastResult(one.received_unix_s, json.loads(one.row)) for one in store.latest("results")}
    statuses = [
        replace(
            _status(
                member,
                boards.get(member.device, Board(member.device)),
                wishes.desired(member.device).release,
                tuple(one for one in told if one.device == member.device)[:_MAX_COMMANDS],
            ),
            received=received.get(member.device, {}),
            missing=missing.get(member.device, {}),
            last_result=last.get(member.device),
        )
        for member in members
    ]
    return Overview(fleet.settings.name, tuple(statuses))


def _stored(fleet: Fleet) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Return how many rows came, and how many never will, by device and stream."""
    received: dict[str, dict[str, int]] = {}
    missing: dict[str, dict[str, int]] = {}
    with fleet.store() as store:
        for account in store.accounts():
            received.setdefault(account.device, {})[account.stream] = account.received
            missing.setdefault(account.device, {})[account.stream] = account.missing
    return received, missing


def _status(member: Member, board: Board, desired: str, commands: tuple[Told, ...]) -> DeviceStatus:
    said = board.reported or Reported(boot=0, worker="")
    presence = "online" if board.is_online else "offline" if board.seen_unix_s else "never seen"
    return DeviceStatus(
        device=member.device,
        groups=member.groups,
        presence=presence,
        seen_unix_s=board.seen_unix_s,
        desired=desired,
        release=said.release,
        model_sha256=said.model_sha256,
        family=said.family,
        worker=said.worker,
        update_state=said.update.state if board.reported else "",
        reason=said.update.reason,
        trust=said.trust,
        time_trusted=said.time_trusted,
        waiting=said.waiting,
        dropped=said.dropped,
        commands=commands,
        proven_sha256=said.proven_sha256,
        first_boot=_first_boot(member) if member.news_unix_s > board.reported_unix_s else None,
    )


def _first_boot(member: Member) -> FirstBoot:
    return FirstBoot(
        member.progress_step,
        member.progress_state,
        member.progress_reason,
        member.progress_unix_s,
        member.refused,
        member.refused_unix_s,
        member.enrolled_unix_s,
    )
