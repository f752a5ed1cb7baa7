"""Python in a child process with a time limit: whatever happens to it, this process goes on and can tell.

- The current folder is not searched for modules, since a file `serial.py` there would hide the real one.
- Shortly before the limit the child says where it stands (faulthandler), so that a hang has a place.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_START = "import faulthandler, sys; sys.path[:] = filter(None, sys.path)\n{timer}{code}"
_TIMER = "faulthandler.dump_traceback_later({seconds})\n"
_GRACE_S = 2.0
_PLACE = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
_SAID_LETTERS = 4000
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1", "OPENCV_LOG_LEVEL": "FATAL", "OPENCV_FFMPEG_LOGLEVEL": "8"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        output: What it printed.
        error: The last line that it complained of; of a hang where it stood.
        signal: The signal that killed it, such as `SIGILL`; empty if none did.
        timed_out: Whether it was stopped because its time was over.
        code: Its exit code.
    """

    output: str
    error: str
    signal: str = ""
    timed_out: bool = False
    code: int = 0

    @property
    def is_well(self) -> bool:
        """Whether it came to its end without complaint."""
        return self.code == 0 and not self.signal and not self.timed_out


def run_python(code: str, *, limit_s: float, stdin: str = "", environment: Mapping[str, str] | None = None) -> Ended:
    """Run a program of Python in a child.

    Args:
        code: The program.
        limit_s: How long it may take, in seconds.
        stdin: What it can read.
        environment: Further variables of its environment.
    """
    program = _START.format(timer=_TIMER.format(seconds=limit_s), code=code)
    try:
        child = subprocess.run(  # noqa: S603  this Python with a program of ours
            [sys.executable, "-c", program],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s + _GRACE_S,
            env={**_ENVIRONMENT, **os.environ, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        return Ended("", _place_of(_text(exc.stderr)), timed_out=True)
    lines = child.stderr[-_SAID_LETTERS:].strip().splitlines()
    killed_by = signal.Signals(-child.returncode).name if child.returncode < 0 else ""
    return Ended(child.stdout, lines[-1].strip() if lines else "", killed_by, code=child.returncode)


def _place_of(said: str) -> str:
    """Return the innermost place of the first traceback."""
    match = _PLACE.search(said)
    return f"{match[1]} line {match[2]}, in {match[3]}" if match else "a place that is not told"


def _text(data: bytes | str | None) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data or ""
