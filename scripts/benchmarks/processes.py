"""Commands of peers as processes of their own: measured, bounded in time, and ended with all that they started."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scripts.benchmarks.peers.exchange import MARK

_POLL_S = 0.05
_LONGEST_MESSAGE = 180
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Exit)\b[:( ].*|^error: .*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command went.

    Attributes:
        exit_code: As the process gave it; None if it was ended for its time.
        seconds: Wall time from start to end.
        peak_bytes: The greatest sum, at one moment, of the peak memory (`VmHWM`) of the process and its children.
        text: What it wrote to both of its streams.
    """

    exit_code: int | None
    seconds: float
    peak_bytes: int
    text: str


def run_measured(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limit_s: float) -> Outcome:
    """Run a command to its end, or to its limit.

    Args:
        command: Program and arguments.
        folder: Where it runs; what it writes goes to `log.txt` there, its standard output also to `stdout.txt`.
        environment: All of its environment.
        limit_s: It is killed with its children after this many seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with (folder / "log.txt").open("w") as log, (folder / "stdout.txt").open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        peak, code = 0, None
        while code is None and time.perf_counter() - start < limit_s:
            peak = max(peak, sum(_peak_bytes(pid) for pid in _family(process.pid)))
            try:
                code = process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - start
        end_group(process)
    text = "\n".join((folder / name).read_text(errors="replace") for name in ("stdout.txt", "log.txt"))
    return Outcome(code, seconds, peak, text)


def end_group(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a session, and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def peer_message(outcome: Outcome, limit_s: float) -> str:
    """Return why a command gave nothing, in its own words: its last error, or its last line."""
    if outcome.exit_code is None:
        return f"timed out after {limit_s:.0f} s"
    lines = [line.strip() for line in outcome.text.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    told = (errors or lines or [f"ended with code {outcome.exit_code} and no word"])[-1]
    return told if len(told) <= _LONGEST_MESSAGE else told[: _LONGEST_MESSAGE - 1] + "…"


class Server:
    """A process that obeys lines: see `exchange.serve`. Use it in `with`, or close it."""

    def __init__(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limit_s: float) -> None:
        """Start it, and wait until it is ready.

        Raises:
            RuntimeError: It ended, or was not ready in time; with its own words.
        """
        self._limit_s = limit_s
        self._log = folder / "serve.txt"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True, text=True, errors="replace",
            )  # fmt: skip
        self._answer(lambda _: None)

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer.

        Raises:
            RuntimeError: It ended, or did not answer in time; with its own words.
        """
        return self._answer(lambda stdin: print(line, file=stdin, flush=True))

    def close(self) -> None:
        """End it."""
        end_group(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _answer(self, send: Callable[[IO[str]], None]) -> dict[str, Any]:
        timer = threading.Timer(self._limit_s, end_group, [self._process])
        timer.start()
        try:
            stdin, stdout = self._process.stdin, self._process.stdout
            if stdin is None or stdout is None:
                raise RuntimeError("a server has pipes")
            send(stdin)
            for line in stdout:
                if line.startswith(MARK):
                    return dict(json.loads(line[len(MARK) :]))
        except BrokenPipeError:
            pass
        finally:
            timer.cancel()
        end_group(self._process)
        text = self._log.read_text(errors="replace")
        raise RuntimeError(peer_message(Outcome(self._process.returncode, 0.0, 0, text), self._limit_s))


def _family(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    found = [pid]
    for one in found:
        for tasks in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(child) for child in tasks.read_text().split()]
            except OSError:
                continue
    return found


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
