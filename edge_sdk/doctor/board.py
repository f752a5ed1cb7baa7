"""Which board this is: known by its own marks, by its processor alone, or not at all (a 32-bit system)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject, failure
from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile, detect_profile


def recognize(root: Path = Path("/")) -> DeviceProfile | None:
    """Return the profile of this board; None where none fits, of which `check_board` tells the cause."""
    try:
        return detect_profile(root).profile
    except InputError:
        return None


def check_board(subject: Subject) -> Iterator[Finding]:
    """Tell which board it is, and what does not fit its profile."""
    try:
        detected = detect_profile(subject.root)
    except InputError as exc:
        yield failure("board", exc)
        return
    marks, asked = detected.evidence[0], subject.profile
    said = f"{detected.profile.title}: {marks.file} says {marks.mark}"
    if asked is not None and asked.name != detected.profile.name:
        yield Finding("board", "warning", f"{said}, but it is examined as {asked.title}", "leave --profile out")
    elif detected.notes:
        yield Finding("board", "warning", f"{said}; {'; '.join(detected.notes)}", "edge-sdk profiles detect")
    else:
        yield Finding("board", "ok", said)
