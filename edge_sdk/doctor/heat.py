"""Whether heat or the supply hold the board back, now or since its start, and how near it is to the next limit."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject
from edge_sdk.runtime.thrift.board import BoardState, read_board, throttle_names

_SUPPLY = (
    "use the board's own power supply and a short, thick cable; take power-hungry USB devices to a hub of their own"
)
_COOL = "fit a heat sink or a fan, give it air, or ask less of it: --ladder fps=15,10,5"
_BY_SUPPLY = {"under-voltage", "average over-current", "instantaneous over-current"}
_NEAR_C = 5.0
_VCGENCMD_LIMIT_S = 10.0


def check_heat(subject: Subject) -> Iterator[Finding]:
    """Judge how the board fares."""
    state = read_board(subject.root)
    asked = vcgencmd_flags() if subject.root == Path("/") else frozenset()
    yield from _throttling(state, asked)
    if state.temperature_c is None:
        yield Finding("temperature", "not here", "no zone or chip of a processor tells one")
    else:
        limit_c = subject.profile.max_temperature_c if subject.profile else None
        yield judge_temperature(state.temperature_c, state.hottest, limit_c, trip_points_c(subject.root))


def vcgencmd_flags() -> frozenset[str]:
    """Return what has held a Raspberry Pi back since its start, by its own tool, whose memory no reader clears."""
    tool = shutil.which("vcgencmd")
    if tool is None:
        return frozenset()
    try:
        said = subprocess.run(  # noqa: S603  the tool of the board's maker
            [tool, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_LIMIT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    match = re.fullmatch(r"throttled=(0x[0-9a-f]+)", said.strip())
    return throttle_names(int(match[1], 16)).since if match else frozenset()


def trip_points_c(root: Path) -> Mapping[str, float]:
    """Return the lowest temperature of each kind at which the kernel does something, such as `passive: 80.0`."""
    found: dict[str, float] = {}
    for kind in root.glob("sys/class/thermal/thermal_zone*/trip_point_*_type"):
        try:
            name = kind.read_text().strip()
            celsius = float(kind.with_name(kind.name.replace("_type", "_temp")).read_text()) / 1000
        except (OSError, ValueError):
            continue
        if celsius > 0:
            found[name] = min(celsius, found.get(name, celsius))
    return found


def judge_temperature(celsius: float, zone: str, limit_c: float | None, trips_c: Mapping[str, float]) -> Finding:
    """Judge a temperature.

    Args:
        celsius: Of the hottest processor.
        zone: Where it is measured.
        limit_c: From which a run does less; None where the board is not known.
        trips_c: At which temperatures the kernel does something.
    """
    said = f"{celsius:.0f} °C in {zone}"
    if limit_c is not None:
        said += f", runs do less from {limit_c:.0f} °C on"
    if trips := ", ".join(f"{kind} {trip:.0f}" for kind, trip in sorted(trips_c.items(), key=lambda one: one[1])):
        said += f"; trip points: {trips} °C"
    slows_c = min([trips_c.get("passive", 999.0), limit_c or 999.0])
    return (
        Finding("temperature", "warning", said, _COOL)
        if celsius > slows_c - _NEAR_C
        else Finding("temperature", "ok", said)
    )


def _throttling(state: BoardState, asked: frozenset[str]) -> Iterator[Finding]:
    counted = {kind for kind, count in state.events.items() if count}
    for kind in sorted(state.held_back):
        yield Finding(kind, "failed", "holds the board back now", _cure(kind))
    for kind in sorted((state.has_been | asked | counted) - state.held_back):
        times = f", {state.events[kind]} times" if kind in counted else ""
        yield Finding(kind, "warning", f"has held the board back since it was started{times}", _cure(kind))
    if not state.told_by:
        yield Finding("throttling", "not here", "nothing here tells whether the board is held back")
    elif not (state.held_back | state.has_been | asked | counted):
        yield Finding("throttling", "ok", f"not held back since its start, by its {' and '.join(state.told_by)}")


def _cure(kind: str) -> str:
    return _SUPPLY if kind in _BY_SUPPLY else _COOL
