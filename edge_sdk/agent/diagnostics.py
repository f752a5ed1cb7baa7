"""What `collect` sends: rows of the stream `diagnostics`, each a JSON object with its `kind`; all of it bounded.

logs      the last lines of the agent's log, the worker's complaints among them
doctor    the report of `edge-sdk doctor`, made by a process of its own
states    update, commands, what is reported
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_ROW_BYTES = 48_000
_MAX_LOG_ROWS = 8
_DOCTOR = (sys.executable, "-c", "import edge_sdk.cli; edge_sdk.cli.main()", "doctor", "--json")
_DOCTOR_S = 120.0
_MAX_LINE_LETTERS = 1000


class LogTail(logging.Handler):
    """The last lines of the log, in memory."""

    def __init__(self, *, max_lines: int = 1000) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=max_lines)
        self._reading = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one; see `logging.Handler`."""
        with self._reading:
            self._lines.append(self.format(record)[:_MAX_LINE_LETTERS])

    def lines(self) -> list[str]:
        """Return them, the oldest first."""
        with self._reading:
            return list(self._lines)


def rows(logs: Sequence[str], states: Mapping[str, Any], *, doctor: Sequence[str] = _DOCTOR) -> Iterator[bytes]:
    """Yield the rows.

    Args:
        logs: Lines, the oldest first; the latest count.
        states: What is known of the agent, as what `json.dumps` takes.
        doctor: What prints the doctor's report as JSON.
    """
    yield _row("states", states)
    yield _row("doctor", _examine(doctor))
    pages = _pages(logs)
    for number, page in enumerate(pages):
        yield _row("logs", {"page": number + 1, "pages": len(pages), "lines": page})


def _row(kind: str, data: Mapping[str, Any]) -> bytes:
    row = json.dumps({"kind": kind, **data}, ensure_ascii=False, separators=(",", ":"), default=str)
    encoded = row.encode(errors="backslashreplace")
    if len(encoded) <= MAX_ROW_BYTES:
        return encoded
    return json.dumps({"kind": kind, "too_large_bytes": len(encoded), "begins": row[: MAX_ROW_BYTES // 8]}).encode()


def _examine(command: Sequence[str]) -> dict[str, Any]:
    """Return the doctor's report, or why there is none."""
    try:
        told = subprocess.run(command, capture_output=True, timeout=_DOCTOR_S, check=False)  # noqa: S603  this Python
        report = json.loads(told.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as exc:
        return {"failed": f"{type(exc).__name__}: {exc}"[:_MAX_LINE_LETTERS]}
    return {"report": report}


def _pages(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines in pages that fit into rows, the latest that fit into all of them."""
    pages: list[list[str]] = [[]]
    room = MAX_ROW_BYTES // 2  # what JSON adds, at most twice for what logs are
    for line in reversed(lines):
        size = len(line.encode(errors="backslashreplace")) + 4
        if size > room:
            if len(pages) == _MAX_LOG_ROWS:
                break
            pages.append([])
            room = MAX_ROW_BYTES // 2
        pages[-1].append(line)
        room -= size
    return [page[::-1] for page in reversed(pages)]
