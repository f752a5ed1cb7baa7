"""Brings a kit to `/opt/edge-sdk/kit` of a board: only what is not there yet, on from where it was cut off.

- The board compares by digests; what it has is not sent, and a file that came half is sent from there on.
- Each file is checked on the board before it has its name, and the kit's record is the last: until then it is no kit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sdk import files, records
from edge_sdk.files import sha256_hex
from edge_sdk.flash.kit import Parcel
from edge_sdk.flash.ssh.connection import Connection, Limits
from edge_sdk.flash.ssh.errand import run_errand

_COMPARE = Limits(seconds=600.0, max_bytes=4 << 20)
_SLOWEST_BYTES_PER_S = 20_000.0
_LEAST_S = 600.0
_PIECE_BYTES = 1 << 18
_TELLS = 10
_SILENT_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was brought.

    Attributes:
        file_count: Files that were missing or differed.
        size_bytes: What was sent of them.
    """

    file_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Needed:
    name: str
    sha256: str
    size_bytes: int
    begin: int

    @property
    def rest_bytes(self) -> int:
        return self.size_bytes - self.begin


def deliver(board: Connection, parcel: Parcel, tell: Callable[[str], None], *, sudo: bool) -> Delivery:
    """Bring a kit to a board.

    Args:
        board: Where.
        parcel: The kit.
        tell: Called with what is being done, and how far it is.
        sudo: Whether the login becomes root by sudo.

    Raises:
        InputError: A file of the kit cannot be read here.
        UnavailableError: The connection broke, or the board has no room; the same again goes on from there.
    """
    record = parcel.kit.to_json()
    described = [records.to_data(file) for file in parcel.kit.files]
    compared = run_errand(
        board,
        "take",
        {"do": "compare", "files": described, "record_sha256": sha256_hex(record)},
        sudo=sudo,
        limits=_COMPARE,
    )
    needed = _needed(parcel, compared)
    size_bytes = sum(file.rest_bytes for file in needed)
    if not needed and compared["is_same"] and not parcel.secrets:
        tell("the kit is there already")
        return Delivery(0, 0)
    tell(f"sending {len(needed)} of {len(described)} files, {size_bytes / 1e6:.1f} MB")
    request = {
        "do": "take",
        "files": described,
        "needed": [{**records.to_data(file), "from": file.begin} for file in needed],
        "is_same": compared["is_same"],
        "secrets": [_blob(data, name=name) for name, data in parcel.secrets.items()],
        "record": _blob(record),
    }
    limits = Limits(seconds=_LEAST_S + size_bytes / _SLOWEST_BYTES_PER_S)
    run_errand(board, "take", request, given=_bytes(parcel, needed, record, tell), sudo=sudo, limits=limits)
    return Delivery(len(needed), size_bytes)


def _needed(parcel: Parcel, compared: Mapping[str, Any]) -> tuple[_Needed, ...]:
    """Return what the board asks for; it says how much it has, all else is ours."""
    begins = {str(file["name"]): int(file["from"]) for file in compared["needed"]}
    return tuple(
        _Needed(file.name, file.sha256, file.size_bytes, min(max(begins[file.name], 0), file.size_bytes))
        for file in parcel.kit.files
        if file.name in begins
    )


def _blob(data: bytes, **names: str) -> dict[str, object]:
    return {**names, "sha256": sha256_hex(data), "size_bytes": len(data)}


def _bytes(parcel: Parcel, needed: tuple[_Needed, ...], record: bytes, tell: Callable[[str], None]) -> Iterator[bytes]:
    """Yield what the board takes, in its order: the rest of each file, the secrets, the record."""
    total, sent, told = sum(file.rest_bytes for file in needed), 0, 0
    for file in needed:
        for piece in _rest(parcel.contents[file.name], file.begin):
            yield piece
            sent += len(piece)
            if total > _SILENT_BYTES and sent * _TELLS // total > told:
                told = sent * _TELLS // total
                tell(f"sent {sent / 1e6:.1f} of {total / 1e6:.1f} MB")
    yield from parcel.secrets.values()
    yield record


def _rest(content: Path | bytes, begin: int) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content[begin:]
        return
    try:
        with content.open("rb") as file:
            file.seek(begin)
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as exc:
        raise files.unreadable(content, exc) from exc
