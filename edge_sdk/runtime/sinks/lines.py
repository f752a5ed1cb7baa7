"""Lines of text, each one written out at once: what `jsonl` and `console` write to.

- A file that is there is continued, so that a restart loses nothing.
- A file has whole lines only: what a full disk cut short is taken back, and what a power cut left is ended.
- With a bound, a full file makes room for a new one by renaming, and the oldest is deleted: at any moment what is there
  is at most `(keep + 1)` times the bound, and whole lines.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import records
from edge_sdk.files import unwritable

STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a new file is begun.

    Attributes:
        max_bytes: Before a line that would make the file larger than this; a longer line has a file of its own.
        keep: How many full files are kept.
    """

    max_bytes: int
    keep: int


def to_line(data: object) -> str:
    """Return data as JSON in one line; a number that JSON cannot say (NaN, infinite) is null."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:  # rare, and the walk costs more than the writing
        return json.dumps(records.to_data(data), ensure_ascii=False)


class LineWriter:
    """A file, a pipe or the standard output."""

    def __init__(self, place: str, rotation: Rotation | None = None) -> None:
        """Open it.

        Args:
            place: A path, or `-` for the standard output.
            rotation: When a new file is begun; None never.

        Raises:
            UnavailableError: It cannot be written.
        """
        self._path = Path("standard output" if place == STANDARD_OUTPUT else place)
        self._rotation = rotation
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
        try:
            self._make_room(len(data))
            self._write(data)
        except OSError as exc:
            raise unwritable(self._path, exc) from exc

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _write(self, data: memoryview) -> None:
        left = data
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            if self._whole_bytes is not None:
                os.ftruncate(self._handle, self._whole_bytes)
            raise
        if self._whole_bytes is not None:
            self._whole_bytes += len(data)

    def _make_room(self, size_bytes: int) -> None:
        """Begin a new file if this one is full."""
        if self._rotation is None or not self._whole_bytes:
            return
        if self._whole_bytes + size_bytes <= self._rotation.max_bytes:
            return
        _push_back(self._path, self._rotation.keep)
        full, self._handle = self._handle, _open(self._path)
        os.close(full)
        self._whole_bytes = 0


def _push_back(path: Path, keep: int) -> None:
    """Move a full file aside, behind those moved before; the oldest goes."""
    if not keep:
        path.unlink()
        return
    for number in range(keep, 0, -1):
        younger = _kept(path, number - 1)
        if younger.exists():
            younger.replace(_kept(path, number))


def _kept(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


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
