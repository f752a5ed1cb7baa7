"""Python in a child process with a time limit: whatever happens to it, this process goes on and can tell.

- A child that examines something sends each finding when it has it: a death takes none of them away.
- The current folder is not searched for modules, since a file `serial.py` there would hide the real one.
- Shortly before the limit the child says where it stands (faulthandler), so that a hang has a place.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_sdk import records
from edge_sdk.doctor import cures
from edge_sdk.doctor.record import Finding

_START = "import faulthandler, sys; sys.path[:] = filter(None, sys.path)\n{timer}{code}"
_TIMER = "faulthandler.dump_traceback_later({seconds})\n"
_GRACE_S = 2.0
_MARK = "finding: "
"""Parts findings from what libraries print."""
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
        return Ended(_text(exc.stdout), _place_of(_text(exc.stderr)), timed_out=True)
    lines = child.stderr[-_SAID_LETTERS:].strip().splitlines()
    killed_by = signal.Signals(-child.returncode).name if child.returncode < 0 else ""
    return Ended(child.stdout, lines[-1].strip() if lines else "", killed_by, code=child.returncode)


def ask_child(
    name: str, answering: str, question: Mapping[str, object], *, limit_s: float, library: str
) -> Iterator[Finding]:
    """Let a child examine something.

    Args:
        name: What the finding is called if the child comes to no end.
        answering: The module of this room whose function `answer` sends findings.
        question: What it can `receive`.
        limit_s: How long it may take, in seconds.
        library: The module that is most likely at fault if the child is killed.
    """
    code = f"from edge_sdk.doctor.{answering} import answer; answer()"
    ended = run_python(code, limit_s=limit_s, stdin=json.dumps(question))
    for line in ended.output.splitlines():
        if line.startswith(_MARK):
            yield records.read(Finding, json.loads(line.removeprefix(_MARK)), where=answering)
    if ended.timed_out:
        yield Finding(name, "failed", f"hangs for {limit_s:.0f} s in {ended.error}", cures.HANG)
    elif ended.signal:
        cure = cures.of_signal(library, ended.signal)
        yield Finding(name, "failed", f"killed by {ended.signal}{cures.meaning(ended.signal)}", cure)
    elif not ended.is_well:
        yield Finding(name, "failed", ended.error)


def receive() -> Any:
    """Return the question that this child was asked."""
    return json.load(sys.stdin)


def send(finding: Finding) -> None:
    """Tell the parent a finding, at once."""
    sys.stdout.write(f"{_MARK}{json.dumps(records.to_data(finding))}\n")
    sys.stdout.flush()


def _place_of(said: str) -> str:
    """Return the innermost place of the first traceback."""
    match = _PLACE.search(said)
    return f"{match[1]} line {match[2]}, in {match[3]}" if match else "a place that is not told"


def _text(data: bytes | str | None) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data or ""
