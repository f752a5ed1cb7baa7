"""Runs the programs of the board: bounded in time, with what they said."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MAX_SAID_BYTES = 1 << 20
NOT_THERE, TOO_LONG = 127, 124
"""Codes of a program that is not on this board, and of one that was ended: those of sh(1) and timeout(1)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Attributes:
        code: What it returned; below 0 for a signal.
        out: What it said on stdout.
        error: What it said on stderr, or why it could not be run.
    """

    code: int
    out: str
    error: str

    @property
    def is_good(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0

    @property
    def reason(self) -> str:
        """The line that says why: of our own programs the one that begins with `error:`, else the last."""
        lines = [line.strip() for line in (self.error or self.out).splitlines() if line.strip()]
        ours = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
        return (ours or lines or [f"code {self.code}"])[-1][:400]


def run(*command: str | Path, timeout_s: float = 60.0, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end; what it starts holds the lock of the first boot too, should this process be killed.

    Args:
        command: The program, by name or path, and its arguments.
        timeout_s: How long it may take before it is killed.
        environment: Variables besides those of this process.
    """
    name, *arguments = map(str, command)
    program = shutil.which(name)
    if program is None:
        return Finished(NOT_THERE, "", f"{name}: expected the program, got none")
    # files in memory rather than pipes: a grandchild that lives on cannot make this one wait
    with os.fdopen(os.memfd_create("out"), "r+b") as out, os.fdopen(os.memfd_create("error"), "r+b") as error:
        child = subprocess.Popen(  # noqa: S603  a program of this board, or of the kit whose digests were compared
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            close_fds=False,
            env={**os.environ, **(environment or {})},
        )
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return Finished(TOO_LONG, "", f"{name}: expected its end within {timeout_s:g} s, got none")
        return Finished(code, *(_said(file.fileno()) for file in (out, error)))


def _said(handle: int) -> str:
    return os.pread(handle, _MAX_SAID_BYTES, 0).decode(errors="replace")
