"""What a recording is on disk: files of samples as a run took them, one behind the other.

    recording/0001-00000.samples    the first run's first file; each sample is a line of JSON and then its data

- The line has the sample's number, time, clock and source, and what the data is: a JPEG or PNG picture, or one array or
  several of NumPy (`npy`, `npz`), which keep every bit.
- A file that a power cut has cut short ends before the sample that is not whole.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.runtime.frame import Clock
from edge_sdk.tensors import Array, Tensors

Kind = Literal["jpeg", "png", "npy", "npz"]
_NAME = re.compile(r"([0-9]{4,9})-([0-9]{5,9})\.samples")
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """The line before a sample's data.

    Attributes:
        seq: See `Sample.seq`.
        captured_ns: See `Sample.captured_ns`.
        clock: See `Sample.clock`.
        source: See `Sample.source`.
        kind: What the data is.
        size_bytes: How long it is.
    """

    seq: int
    captured_ns: int
    clock: Clock
    source: str
    kind: Kind
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A sample of a recording.

    Attributes:
        run: The number of its run.
        path: The file that it is in.
        entry: Its line.
        start: Where its data begins in the file.
    """

    run: int
    path: Path
    entry: Entry
    start: int


def list_parts(folder: Path) -> list[tuple[int, int, Path]]:
    """Return the files of a recording, the oldest first, each with the number of its run and its own in it."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("*.samples"))
    return sorted((int(match[1]), int(match[2]), path) for match, path in found if match)


def part_name(run: int, part: int) -> str:
    """Return the name of a file."""
    return f"{run:04d}-{part:05d}.samples"


def join(entry: Entry, data: bytes) -> bytes:
    """Return a sample as it stands in a file."""
    return json.dumps(records.to_data(entry)).encode() + b"\n" + data


def read_recording(folder: Path) -> Iterator[Recorded]:
    """Yield the whole samples of a recording in their order, without their data.

    Raises:
        InputError: A file cannot be read, or is none of a recording.
    """
    for run, _, path in list_parts(folder):
        try:
            with path.open("rb") as file:
                end = os.fstat(file.fileno()).st_size
                while (line := file.readline(_LONGEST_LINE)).endswith(b"\n"):
                    entry, start = _entry(line, where=str(path)), file.tell()
                    if start + entry.size_bytes > end:
                        break
                    yield Recorded(run, path, entry, start)
                    file.seek(start + entry.size_bytes)
        except OSError as exc:
            raise unreadable(path, exc) from exc


def read_data(recorded: Recorded) -> bytes:
    """Return the data of a sample.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with recorded.path.open("rb") as file:
            file.seek(recorded.start)
            return file.read(recorded.entry.size_bytes)
    except OSError as exc:
        raise unreadable(recorded.path, exc) from exc


def pack(data: Array | Tensors) -> tuple[Kind, bytes]:
    """Return an array, or arrays by name, as bytes that keep every bit."""
    into = io.BytesIO()
    if isinstance(data, np.ndarray):
        np.save(into, data, allow_pickle=False)
        return "npy", into.getvalue()
    np.savez(into, allow_pickle=False, **data)
    return "npz", into.getvalue()


def unpack(data: bytes, *, where: str) -> Array | Tensors:
    """Return what `pack` was given.

    Raises:
        InputError: It is something else.
    """
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise InputError(f"{where}: expected arrays of NumPy, got {len(data)} bytes that are none") from exc


def _entry(line: bytes, *, where: str) -> Entry:
    try:
        decoded = json.loads(line)
    except ValueError as exc:
        raise InputError(f"{where}: expected samples of a recording, got other bytes") from exc
    return records.read(Entry, decoded, where=where, unknown="ignore")
