"""The bytes of the zip around the files, the same for who writes and who reads.

- For given files there is one zip: stored, one after the other, with fixed times and no comment, extra or gap.
- The reader compares with what the writer would have written. Whatever else a zip can say (compression, links,
  encryption, zip64, a directory that contradicts its files) is a difference, and is never interpreted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SHARED = (
    *("version needed", "flags", "compression", "time", "date"),
    *("crc-32", "stored size", "size", "name length", "extra length"),
)
_VERSION = 20
_MADE_ON_UNIX = 3 << 8 | _VERSION
_DATE = 1 << 5 | 1  # 1980-01-01, the first day that a zip knows
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """A file as it lies in the zip; `offset` is where its header starts."""

    name: str
    crc32: int
    size_bytes: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Where its contents start."""
        return self.offset + header_bytes(self.name)

    @property
    def end_offset(self) -> int:
        """Where the next header starts."""
        return self.data_offset + self.size_bytes


@dataclass(frozen=True, slots=True)
class _Header:
    """A kind of header: what messages call its place, its signature, its fields and their format."""

    title: str
    signature: bytes
    fields: tuple[str, ...]
    format: struct.Struct

    def pack(self, *values: int) -> bytes:
        return self.format.pack(self.signature, *values)

    def unpack(self, data: bytes) -> dict[str, int]:
        return dict(zip(self.fields, self.format.unpack_from(data)[1:], strict=True))


_FILE = _Header("a file", b"PK\3\4", _SHARED, struct.Struct("<4s5H3I2H"))
_LISTED = _Header(
    "an entry of the directory",
    b"PK\1\2",
    ("made by", *_SHARED, "comment length", "disk", "internal attributes", "attributes", "offset"),
    struct.Struct("<4s6H3I5H2I"),
)
_END = _Header(
    "the end of the directory",
    b"PK\5\6",
    ("disk", "first disk", "files here", "files", "directory size", "directory offset", "comment length"),
    struct.Struct("<4s4H2IH"),
)
_HEADERS = {header.signature: header for header in (_FILE, _LISTED, _END)}


def header_bytes(name: str) -> int:
    """Return how long the header in front of a file is."""
    return _FILE.format.size + len(name)


def file_header(member: Member) -> bytes:
    """Return what stands in front of the contents of a file."""
    return _FILE.pack(*_shared(member)) + member.name.encode()


def directory(members: Sequence[Member]) -> Iterator[bytes]:
    """Yield what stands behind the last file: one header a file, then the end of the zip."""
    size_bytes = 0
    for member in members:
        header = _LISTED.pack(_MADE_ON_UNIX, *_shared(member), 0, 0, 0, _REGULAR_FILE, member.offset)
        header += member.name.encode()
        size_bytes += len(header)
        yield header
    yield _END.pack(0, 0, len(members), len(members), size_bytes, members[-1].end_offset, 0)


def claims(header: bytes) -> tuple[str, int, int]:
    """Return the name, CRC-32 and size that a file's header claims; an empty name if it is no such header."""
    if not header.startswith(_FILE.signature):
        return "", 0, 0
    fields = _FILE.unpack(header)
    return _name(_FILE, header), fields["crc-32"], fields["size"]


def difference(expected: bytes, actual: bytes) -> str:
    """Return in words where a header first differs from the expected one, of the same length."""
    header = _HEADERS[expected[:4]]
    name = _name(header, expected)
    if actual[:4] != expected[:4]:
        other = _HEADERS.get(actual[:4])
        wanted = f"{name} as {header.title}" if name else header.title
        return f"expected {wanted}, got {other.title if other else 'other data'}"
    if _name(header, actual) != name:
        return f"expected {name}, got {_name(header, actual)!r}"
    ours, theirs = header.unpack(expected), header.unpack(actual)
    field = next(field for field in header.fields if ours[field] != theirs[field])
    return f"{name or header.title}: expected {field} {ours[field]:#x}, got {theirs[field]:#x}"


def _shared(member: Member) -> tuple[int, ...]:
    size_bytes = member.size_bytes
    return (_VERSION, 0, 0, 0, _DATE, member.crc32, size_bytes, size_bytes, len(member.name), 0)


def _name(header: _Header, data: bytes) -> str:
    start = header.format.size
    end = start + header.unpack(data).get("name length", 0)
    return data[start:end].decode(errors="replace") + ("…" if end > len(data) else "")
