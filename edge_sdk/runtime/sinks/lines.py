"""Lines of text, each one written out at once: what `jsonl` and `console` write to.

- A file that is there is continued, so that a restart loses nothing.
- A file has whole lines only: what a full disk cut short is taken back, and what a power cut left is ended.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge_sdk.files import unwritable

STANDARD_OUTPUT = "-"


class LineWriter:
    """A file, a pipe or the standard output."""

    def __init__(self, place: str) -> None:
        """Open it.

        Args:
            place: A path, or `-` for the standard output.

        Raises:
            UnavailableError: It cannot be written.
        """
        self._path = Path("standard output" if place == STANDARD_OUTPUT else place)
        try:
            self._handle = os.dup(sys.stdout.fileno()) if place == STANDARD_OUTPUT else _open(self._path)
        except OSError as exc:
            raise unwritable(self._path, exc) from exc
        self._whole_bytes = self._path.stat().st_size if self._path.is_file() else None

    def write(self, line: str) -> None:
        """Write one line, which has no line end yet.

        Raises:
            UnavailableError: The disk is full, or nobody reads the pipe any more.
        """
        data = memoryview((line + "\n").encode(errors="backslashreplace"))
        left = data
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError as exc:
            if self._whole_bytes is not None:
                os.ftruncate(self._handle, self._whole_bytes)
            raise unwritable(self._path, exc) from exc
        if self._whole_bytes is not None:
            self._whole_bytes += len(data)

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    if path.is_file() and _is_cut(path):
        os.write(handle, b"\n")
    return handle


def _is_cut(path: Path) -> bool:
    with path.open("rb") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - 1))
        return file.read(1) not in {b"", b"\n"}
