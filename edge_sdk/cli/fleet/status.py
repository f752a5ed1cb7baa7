"""`edge-sdk fleet status` and `edge-sdk fleet command`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.cli.fleet.options import AsJson, FleetOption
from edge_sdk.errors import GateError, InputError

if TYPE_CHECKING:
    from edge_sdk.fleet.overview import DeviceStatus, FirstBoot, Overview
    from edge_sdk.fleet.registry import Told

_LOOK_S = 0.25
_SHOWN = 200


def status(
    device: Annotated[str | None, typer.Argument(help="A device; all if not given.", show_default=False)] = None,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Show what each device is, by its own word: release and proof, how its update stands, what it gave up.

    Example: edge-sdk fleet status
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.overview import overview

    record = overview(Fleet(fleet), device or "")
    output.emit(record, _lines(record, in_detail=device is not None), as_json=as_json)


def command(
    device: Annotated[str, typer.Argument(help="The device.")],
    name: Annotated[str, typer.Argument(help="What it is to do: docs/how_to/agent.md lists the names.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="How: NAME=VALUE, as many as it takes.")] = None,
    *,
    hours: Annotated[float, typer.Option(help="It is not begun any more after that.")] = 24.0,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for what comes of it.")] = 0.0,
    fleet: FleetOption = Path(),
    as_json: AsJson = False,
) -> None:
    """Tell a device to do something once, even if it is off now; `edge-sdk fleet serve` carries it.

    Example: edge-sdk fleet command press-4 rate hz=5
    """
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.wire.messages import Command

    opened, now_s = Fleet(fleet), time.time()
    if opened.enrolment().member(device) is None:
        raise InputError(f"{device}: expected a member of the fleet, got none", hint=f"edge-sdk fleet enroll {device}")
    expires_unix_s = int(now_s + hours * 3600) if hours > 0 else 0
    told = Command(f"{int(now_s)}-{secrets.token_hex(3)}", name, _arguments(arguments or []), expires_unix_s)
    with opened.registry() as registry:
        registry.add_command(device, told, now_s=now_s)
        end_s = time.monotonic() + wait
        while True:
            record = next(one for one in registry.told(device) if one.command.id == told.id)
            if record.state.stage in {"successful", "failed"} or time.monotonic() >= end_s:
                break
            time.sleep(_LOOK_S)
    output.emit(record, _told_lines(record), as_json=as_json)
    if record.state.stage == "failed":
        raise GateError(f"{device}: expected {name} to succeed, got: {record.state.reason}")


def _arguments(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (name, sign, _) in zip(texts, pairs, strict=True) if not name or not sign]:
        raise InputError(f"argument: expected NAME=VALUE, got '{wrong[0]}'")
    return {name: value for name, _, value in pairs}


def _told_lines(record: Told) -> Iterator[str]:
    yield f"{record.device}: {record.command.name} ({record.command.id}): {record.state.stage}"
    yield from (f"{name}  {value}" for name, value in record.state.answer.items())


def _lines(record: Overview, *, in_detail: bool) -> Iterator[str]:
    rows = [
        (
            one.device,
            one.presence,
            one.release or "none",
            one.desired or "none",
            _stands(one),
            one.worker,
            str(sum(one.received.values())),
            str(sum(one.waiting.values())),
            str(sum(one.dropped.values())),
        )
        for one in record.devices
    ]
    yield from output.table(
        ("device", "", "has", "is to have", "update", "worker", "received", "waiting", "dropped"), rows
    )
    for one in record.devices if in_detail else ():
        yield ""
        yield from output.table(("", ""), _details(one))


def _stands(one: DeviceStatus) -> str:
    if one.first_boot is not None and one.first_boot.step:
        return f"first boot {one.first_boot.step} {one.first_boot.state}"
    return f"{one.update_state} {one.reason}".strip()


def _details(one: DeviceStatus) -> Iterator[tuple[str, str]]:
    yield "groups", ", ".join(one.groups) or "none"
    yield "model", f"{one.model_sha256 or 'nothing is loaded'} {one.family}"
    yield "proven", _proven(one)
    if one.first_boot is not None:
        yield from _first_boot(one.first_boot)
    yield "heard", _moment(one.seen_unix_s)
    yield "trusts", ", ".join(f"{role} {number}" for role, number in sorted(one.trust.items())) or "none"
    yield "received", _by_stream(one.received)
    yield "never came", _by_stream(one.missing)
    if (last := one.last_result) is not None:
        yield "last result", f"{_moment(last.received_unix_s)} {json.dumps(last.row)[:_SHOWN]}"
    yield "clock", "right" if one.time_trusted else "not known to be right"
    for told in one.commands:
        yield "command", f"{told.command.name} ({told.command.id}): {told.state.stage} {told.state.reason}".rstrip()


def _proven(one: DeviceStatus) -> str:
    if not one.proven_sha256:
        return "no golden run is known"
    return "gave its golden outputs" if one.proven_sha256 == one.model_sha256 else f"another: {one.proven_sha256}"


def _first_boot(one: FirstBoot) -> Iterator[tuple[str, str]]:
    if one.step:
        yield "first boot", f"{one.step}: {one.state}{_because(one.reason)}, {_moment(one.unix_s)}"
    if one.enrolled_unix_s:
        yield "enrolled", _moment(one.enrolled_unix_s)
    if one.refused:
        yield "refused", f"{one.refused}, {_moment(one.refused_unix_s)}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _by_stream(numbers: dict[str, int]) -> str:
    return ", ".join(f"{stream} {number}" for stream, number in sorted(numbers.items()) if number) or "none"


def _moment(unix_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_s)) if unix_s else "never"
