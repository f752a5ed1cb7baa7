"""`edge-sdk fleet enroll`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from edge_sdk import files
from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, FleetOption
from edge_sdk.errors import InputError

_MAX_REQUEST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be carried to a device.

    Attributes:
        device: The device.
        file: The file.
        kind: A claim, to be used once, or what answers a request.
        expires_unix_s: When a claim ends; 0 for an answer.
        certificates: How many certificates the device has by now that are believed.
    """

    device: str
    file: str
    kind: Literal["claim", "membership"]
    expires_unix_s: int
    certificates: int


def enroll(
    device: Annotated[str, typer.Argument(help="Its name: letters, digits, '.', '_', '-'.")],
    group: Annotated[list[str] | None, typer.Option(help="A group that it is in. May be repeated.")] = None,
    *,
    request: Annotated[
        Path | None, typer.Option("--csr", help="Its request, from `edge-sdk agent request`: no network needed.")
    ] = None,
    hours: Annotated[float, typer.Option(help="How long the claim is taken.")] = 24.0,
    place: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; DEVICE.claim.json or DEVICE.membership.json.")
    ] = None,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Write what makes a board a member: a claim that can be used once, or the answer to its request.

    Example: edge-sdk fleet enroll press-4 --group hall-2
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.wire import encode

    opened, now_s = Fleet(fleet), int(time.time())
    home = opened.home(device, tuple(group or ()))
    kind: Literal["claim", "membership"] = "claim" if request is None else "membership"
    path = place or Path(f"{device}.{kind}.json")
    if path.exists():
        raise InputError(f"{path}: expected a new file, got one that is there already")
    files.require_writable(path)
    expires_unix_s = 0
    if request is None:
        claim = opened.enrolment().claim(home, now_s=now_s, hours=hours)
        files.write_bytes(path, encode(claim), is_private=True)
        expires_unix_s = claim.expires_unix_s
    else:
        asked = files.read_bytes(request, max_bytes=_MAX_REQUEST_BYTES)
        files.write_bytes(path, encode(opened.enrolment().answer(home, asked, now_s=now_s)))
    believed = sum(not issued.is_revoked for issued in opened.authority().issued(device))
    record = Given(device, str(path), kind, expires_unix_s, believed)
    output.emit(record, _lines(record), as_json=as_json)


def _lines(record: Given) -> Iterator[str]:
    if record.kind == "claim":
        until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.expires_unix_s))
        yield f"{record.file}: a claim for {record.device}, to be used once until {until}; whoever has it can use it"
        yield f"on the board: edge-sdk agent enroll {Path(record.file).name}"
    else:
        yield f"{record.file}: the answer to the request of {record.device}"
        yield f"on the board: edge-sdk agent accept {Path(record.file).name}"
    if record.kind == "claim" and record.certificates:
        revoke = f"edge-sdk fleet keys revoke {record.device}"
        yield f"it has {record.certificates} that stay believed beside the new one; to put it out: {revoke}"
