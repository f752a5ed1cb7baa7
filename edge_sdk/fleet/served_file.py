"""A file of the repository, or a part of it, as HTTP has it: one range from a byte on, or the whole file."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from edge_sdk.errors import InputError
from edge_sdk.wire.blocks import check_file

_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent.

    Attributes:
        status: 200 for the whole file, 206 for a part, 416 for one that the file does not have.
        file: The file, open.
        first: The first byte.
        count: How many.
        headers: What is said of it.
    """

    status: HTTPStatus
    file: BinaryIO
    first: int
    count: int
    headers: dict[str, str] = field(default_factory=dict)


def open_part(folder: Path, name: str, wanted: str) -> Part:
    """Open a file of the repository.

    Args:
        folder: The repository.
        name: The file, such as `targets/packages/….edge`.
        wanted: The header `Range`; what is not one range from a byte on is passed over, as HTTP allows.

    Raises:
        InputError: There is no such file.
    """
    check_file(name)
    path = folder / name
    try:
        file = path.open("rb")
    except OSError as exc:
        raise InputError(f"{name}: expected a file, got {exc.strerror}") from exc
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise InputError(f"{name}: expected a file, got something else")
    return _part(file, found.st_size, wanted)


def _part(file: BinaryIO, size_bytes: int, wanted: str) -> Part:
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    match = _RANGE.fullmatch(wanted.strip())
    first = int(match[1]) if match else 0
    last = min(int(match[2]), size_bytes - 1) if match and match[2] else size_bytes - 1
    if match is None or (match[2] and int(match[2]) < first):
        return Part(HTTPStatus.OK, file, 0, size_bytes, {**headers, "Content-Length": str(size_bytes)})
    if first >= size_bytes:
        refusal = {**headers, "Content-Length": "0", "Content-Range": f"bytes */{size_bytes}"}
        return Part(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, file, 0, 0, refusal)
    count = last - first + 1
    told = {"Content-Length": str(count), "Content-Range": f"bytes {first}-{last}/{size_bytes}"}
    return Part(HTTPStatus.PARTIAL_CONTENT, file, first, count, {**headers, **told})
