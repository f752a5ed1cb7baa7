"""What is wrong with a board, each with its cure: `edge-sdk doctor`. Samples are judged by `quantize.doctor`.

- Nothing that can die is done in this process: libraries are imported, models run and sources read in children.
- A check never stops the others: what it cannot find out is a finding too.
- What is read of /proc and /sys stands below a root folder, so that a tree of files can stand for a board.

To add a check: one file with a function `Subject -> findings`, one line in a table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

from edge_sdk.doctor.record import Diagnosis, Finding, Subject, User
from edge_sdk.errors import EdgeError

__all__ = ["Diagnosis", "Finding", "Subject", "User", "examine"]

FIRST: Mapping[str, str] = {
    "board": "board.check_board",
    "libraries": "libraries.check_libraries",
    "packages": "packages.check_packages",
    "clock": "clock.check_clock",
    "disk": "disk.check_disk",
    "wear": "wear.check_wear",
    "permissions": "permissions.check_permissions",
}
"""File and function of each check that needs the standard library alone."""
WITH_RUNTIME: Mapping[str, str] = {
    "heat": "heat.check_heat",
    "processors": "processors.check_processors",
    "memory": "memory.check_memory",
    "cameras": "cameras.check_cameras",
    "sources": "reading.check_sources",
    "model": "model.check_model",
}
"""Those that use the runtime, which imports NumPy: a processor may not be able to."""


def examine(subject: Subject, *, tell: Callable[[str], None] = lambda _name: None) -> Diagnosis:
    """Examine a board.

    Args:
        subject: What is examined.
        tell: Called with the name of each check before it begins.
    """
    findings = list(_found(FIRST, subject, tell))
    if numpy := next((one for one in findings if one.name == "import numpy" and one.state == "failed"), None):
        evidence = "not examined, since the runtime needs NumPy, which cannot be imported"
        findings += [Finding(name, "not here", evidence, numpy.cure) for name in WITH_RUNTIME]
    else:
        findings += _found(WITH_RUNTIME, subject, tell)
    return Diagnosis(subject.profile.name if subject.profile else "", tuple(findings))


def _found(checks: Mapping[str, str], subject: Subject, tell: Callable[[str], None]) -> Iterator[Finding]:
    for name, entry in checks.items():
        tell(name)
        file, _, function = entry.partition(".")
        check: Callable[[Subject], Iterable[Finding]] = getattr(import_module(f"{__name__}.{file}"), function)
        try:
            yield from check(subject)
        except (EdgeError, OSError, ValueError) as exc:  # files of the kernel that are not as they should be
            yield Finding(name, "warning", f"cannot be examined: {exc}", getattr(exc, "hint", ""))
