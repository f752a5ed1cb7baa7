"""Programs of the system that make, start and stop services: each has an end, and its failure is told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from edge_sdk.errors import UnavailableError

_COMMAND_S = 200.0
"""Longer than the agent's unit gives itself to start: what systemd says of it comes first."""
_WORKING = frozenset({"active", "activating", "reloading"})
"""One that systemd starts again and again is `activating`."""


def is_working(unit: str) -> bool:
    """Tell whether a service runs, or is about to; it does not where there is no systemd."""
    program = shutil.which("systemctl")
    if program is None:
        return False
    asked = [program, "is-active", unit]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=_COMMAND_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"{unit}: expected its state within {_COMMAND_S:.0f} s, got none") from exc
    return told.stdout.strip() in _WORKING


def run(command: Sequence[str]) -> None:
    """Run a program to its end.

    Raises:
        UnavailableError: There is no such program, it fails, or it takes too long.
    """
    program = shutil.which(command[0])
    if program is None:
        raise UnavailableError(f"{command[0]}: expected the program, got none", hint="is this a system with systemd?")
    try:
        done = subprocess.run(  # noqa: S603  programs of a plan, which was shown
            [program, *command[1:]], capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"{' '.join(command)}: expected its end within {_COMMAND_S:.0f} s, got none") from exc
    if done.returncode:
        raise UnavailableError(f"{' '.join(command)}: expected success, got {done.stderr.strip()[-200:]}")


@contextmanager
def started_again(commands: Sequence[Sequence[str]], unit: str) -> Iterator[None]:
    """Run commands, one of which may stop a service, before a block; start that again where the block fails.

    Raises:
        UnavailableError: A program fails.
    """
    for command in commands:
        run(command)
    try:
        yield
    except BaseException:
        if ("systemctl", "stop", unit) in map(tuple, commands):
            with suppress(UnavailableError):  # what went wrong before is what is told
                run(("systemctl", "start", unit))
        raise
