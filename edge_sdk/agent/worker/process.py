"""One worker as the agent has it: a child process, its lines, its last words and how it ended."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from edge_sdk.agent.worker.messages import (
    MAX_LINE_BYTES,
    Begin,
    Ended,
    Part,
    Report,
    Request,
    decode_report,
    encode,
)
from edge_sdk.errors import InputError, UnavailableError

log = logging.getLogger(__name__)

_WORDS = 40
_MAX_WORD_BYTES = 400
_FATAL = ("Fatal Python error", "terminate called")
_COMMAND = (sys.executable, "-m", "edge_sdk.agent.worker")
_ENVIRONMENT = {"OPENCV_LOG_LEVEL": "FATAL", "OPENCV_FFMPEG_LOGLEVEL": "8", "PYTHONFAULTHANDLER": "1"}


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended.

    Attributes:
        part: Whose fault it was, as far as is known.
        cause: Its own last line, or the signal that killed it with the last of what it complained of.
    """

    part: Part
    cause: str


class WorkerProcess:
    """A worker that runs, until it is waited for.

    The kernel kills it with the thread that starts it: that has to be one that lives as long as the agent.
    """

    def __init__(
        self,
        begin: Begin,
        tell: Callable[[WorkerProcess, Report | Exit], None],
        *,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """Start it.

        Args:
            begin: What it runs.
            tell: Is given each report, and last its exit; called in threads of this worker, and has to be quick.
            command: What starts it, before the process id of this one.

        Raises:
            UnavailableError: It cannot be started.
        """
        self._tell = tell
        self._words: deque[str] = deque(maxlen=_WORDS)
        self._fatal = ""
        self._ended: Ended | None = None
        try:
            self._child: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  this very Python
                [*command, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**_ENVIRONMENT, **os.environ},
                start_new_session=True,
            )
        except OSError as exc:
            raise UnavailableError(f"worker: expected to start it, got {exc.strerror}") from exc
        self._complaining = threading.Thread(target=self._read_words, name="worker's words", daemon=True)
        self._complaining.start()
        self._reading = threading.Thread(target=self._read_reports, name="worker's reports", daemon=True)
        self._reading.start()
        self._stdin = _pipe(self._child.stdin).fileno()
        os.set_blocking(self._stdin, False)
        self.ask(begin)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def ask(self, request: Request) -> None:
        """Send a request; one that does not hear is found out by its silence."""
        try:
            os.write(self._stdin, encode(request))
        except OSError:  # gone, or its pipe is full since it hangs
            log.warning("worker %d: expected it to take a request, got none", self.pid)

    def kill(self) -> None:
        """Kill it with all that it has started; what came of it is told as its exit."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._child.kill()

    def wait(self, timeout_s: float) -> bool:
        """Wait until its exit has been told; return whether that is so."""
        self._reading.join(timeout_s)
        return not self._reading.is_alive()

    def words(self) -> tuple[str, ...]:
        """Return the last lines of what it complained of."""
        return tuple(self._words)

    def _read_reports(self) -> None:
        stdout = _pipe(self._child.stdout)
        while line := stdout.readline(MAX_LINE_BYTES):
            try:
                report = decode_report(line)
            except InputError as exc:
                log.warning("%s", exc)
                continue
            if isinstance(report, Ended):
                self._ended = report
            else:
                self._tell(self, report)
        code = self._child.wait()
        self._complaining.join(1.0)
        for pipe in (self._child.stdin, self._child.stdout):
            _pipe(pipe).close()
        self._tell(self, self._exit(code))

    def _read_words(self) -> None:
        stderr = _pipe(self._child.stderr)
        while line := stderr.readline(_MAX_WORD_BYTES):
            word = line.decode(errors="replace").rstrip()
            self._words.append(word)
            if word.startswith(_FATAL):  # what follows of a crash's report can be longer than what is kept
                self._fatal = word
            log.info("worker %d: %s", self.pid, word)
        stderr.close()

    def _exit(self, code: int) -> Exit:
        if code >= 0 and self._ended is not None:
            return Exit(self._ended.part, self._ended.cause)
        how = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        return Exit("model", how + _meaning(code) + self._last_words())

    def _last_words(self) -> str:
        """Return what it complained of: the head of a crash's report, or the last line."""
        last = self._fatal or next((word for word in reversed(self._words) if word.strip()), "")
        return f": {last[:200]}" if last else ""


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  all three are pipes
    return pipe


def _meaning(code: int) -> str:
    return " (out of memory, unless somebody did it)" if code == -signal.SIGKILL else ""
