"""Where the partitions of a disk lie: MBR with logical partitions, GPT, or one file system without a table.

- Bytes are parsed, nothing is mounted, nothing is written; the kernel's own view of the disk is not asked.
- A table that is damaged, that loops, that overlaps itself or reaches beyond the disk is refused, never mended: a
  truncated image looks so.
- A hybrid of MBR and GPT is read as GPT, as Linux does.
- Sectors are of 512 bytes, as on every card and USB drive that a board starts from.

Layouts: UEFI specification 2.10, chapter 5 (GPT and protective MBR).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal

from edge_sdk import files
from edge_sdk.errors import InputError

FileSystem = Literal["fat", "ext4", ""]
SECTOR_BYTES = 512
_EXTENDED = frozenset({0x05, 0x0F, 0x85})
_PROTECTIVE = 0xEE
_MOST_LOGICAL = 64
_MOST_ENTRIES = 128
_GPT_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_GPT_ENTRY = struct.Struct("<16s16sQQQ72s")
_EXT4_MAGIC_AT = 1024 + 56
_EXT4_MAGIC = b"\x53\xef"


@dataclass(frozen=True, slots=True)
class Partition:
    """A stretch of a disk.

    Attributes:
        number: As Linux counts it: `/dev/sdb2` is 2; 0 is a disk without a table.
        start_bytes: Where it starts on the disk.
        size_bytes: Its size.
        file_system: What it holds: `fat` (12, 16 or 32), `ext4` (or 2, 3), or empty for anything else.
    """

    number: int
    start_bytes: int
    size_bytes: int
    file_system: FileSystem = ""

    @property
    def end_bytes(self) -> int:
        """The first byte behind it."""
        return self.start_bytes + self.size_bytes


def read_partitions(disk: Path) -> tuple[Partition, ...]:
    """Return the partitions of an image file or a block device, by number.

    Raises:
        InputError: It cannot be read, or holds no table that can be trusted.
    """
    try:
        with disk.open("rb") as file:
            return parse_partitions(file, size_of(disk), where=str(disk))
    except OSError as exc:
        raise files.unreadable(disk, exc) from exc


def size_of(disk: Path) -> int:
    """Return the size of an image file or a block device, in bytes.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with disk.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except OSError as exc:
        raise files.unreadable(disk, exc) from exc


def parse_partitions(file: BinaryIO, size_bytes: int, *, where: str) -> tuple[Partition, ...]:
    """Return the partitions in the bytes of a disk.

    Args:
        file: The disk.
        size_bytes: Its size.
        where: What starts a message.

    Raises:
        InputError: There is no table that can be trusted.
    """
    found = tuple(_table(file, size_bytes, where))
    _check(found, size_bytes, where)
    return tuple(
        Partition(each.number, each.start_bytes, each.size_bytes, _file_system(file, each.start_bytes))
        for each in sorted(found, key=lambda partition: partition.number)
    )


def _table(file: BinaryIO, size_bytes: int, where: str) -> Iterator[Partition]:
    head = _read(file, 0, SECTOR_BYTES)
    if _file_system(file, 0):
        yield Partition(0, 0, size_bytes)
        return
    if head[510:] != b"\x55\xaa":
        raise InputError(
            f"{where}: expected a disk image with a partition table, got none",
            hint="give the image of a whole card or drive (*.img), not an archive or an installer",
        )
    entries = tuple(_mbr_entries(head, where))
    if any(kind == _PROTECTIVE for kind, _, _ in entries):
        yield from _gpt(file, where)
        return
    for number, (kind, start, sectors) in enumerate(entries, 1):
        if kind in _EXTENDED:
            yield from _logical(file, start, sectors, where)
        elif kind:
            yield _partition(number, start, sectors)


def _mbr_entries(head: bytes, where: str) -> Iterator[tuple[int, int, int]]:
    for at in range(446, 510, 16):
        status, kind, start, sectors = struct.unpack("<B3xB3xII", head[at : at + 16])
        if status not in (0, 0x80):
            raise InputError(f"{where}: expected a partition table, got an entry that starts with {status:#04x}")
        yield (kind, start, sectors) if sectors else (0, 0, 0)


def _logical(file: BinaryIO, extended: int, sectors: int, where: str) -> Iterator[Partition]:
    at = extended
    for number in range(5, 5 + _MOST_LOGICAL):
        head = _read(file, at * SECTOR_BYTES, SECTOR_BYTES)
        if head[510:] != b"\x55\xaa":
            raise InputError(f"{where}: expected a logical partition at sector {at}, got none")
        (kind, start, size), (more, following, _), *_ = _mbr_entries(head, where)
        if kind:
            yield _partition(number, at + start, size)
        if more not in _EXTENDED:
            return
        if not at < extended + following < extended + sectors:
            raise InputError(f"{where}: expected logical partitions one after another, got one that leads back or out")
        at = extended + following
    raise InputError(f"{where}: expected at most {_MOST_LOGICAL} logical partitions, got more")


def _gpt(file: BinaryIO, where: str) -> Iterator[Partition]:
    head = _read(file, SECTOR_BYTES, SECTOR_BYTES)
    magic, _, length, crc, _, _, _, _, _, _, entries_at, count, entry_bytes, entries_crc = _GPT_HEADER.unpack_from(head)
    if magic != b"EFI PART" or not _GPT_HEADER.size <= length <= SECTOR_BYTES:
        raise InputError(f"{where}: expected a GPT header behind the protective MBR, got none")
    if zlib.crc32(head[:16] + bytes(4) + head[20:length]) != crc:
        raise InputError(f"{where}: expected a GPT header that its checksum fits, got a damaged one")
    if entry_bytes != _GPT_ENTRY.size or not 0 < count <= _MOST_ENTRIES:
        raise InputError(
            f"{where}: expected 1 to {_MOST_ENTRIES} entries of {_GPT_ENTRY.size} bytes, got {count} of {entry_bytes}"
        )
    if not 2 <= entries_at < 1 << 32:
        raise InputError(f"{where}: expected GPT entries behind the header, got them at sector {entries_at}")
    table = _read(file, entries_at * SECTOR_BYTES, count * entry_bytes)
    if zlib.crc32(table) != entries_crc:
        raise InputError(f"{where}: expected GPT entries that their checksum fits, got damaged ones")
    for number, (kind, _, first, last, _, _) in enumerate(_GPT_ENTRY.iter_unpack(table), 1):
        if any(kind):
            yield _partition(number, first, last + 1 - first)


def _partition(number: int, start: int, sectors: int) -> Partition:
    return Partition(number, start * SECTOR_BYTES, sectors * SECTOR_BYTES)


def _check(found: tuple[Partition, ...], size_bytes: int, where: str) -> None:
    if not found:
        raise InputError(f"{where}: expected partitions, got an empty table")
    for each in found:
        if each.size_bytes <= 0 or (each.number and each.start_bytes < SECTOR_BYTES):
            raise InputError(f"{where}: expected partition {each.number} behind the table, got one of no sense")
        if each.end_bytes > size_bytes:
            raise InputError(
                f"{where}: expected partition {each.number} to end by {size_bytes} bytes, got {each.end_bytes}",
                hint="the image is truncated, or the drive is smaller than what was written to it",
            )
    for before, after in pairwise(sorted(found, key=lambda partition: partition.start_bytes)):
        if before.end_bytes > after.start_bytes:
            raise InputError(f"{where}: expected partitions apart, got {before.number} and {after.number} overlapping")


def _file_system(file: BinaryIO, start_bytes: int) -> FileSystem:
    head = _read(file, start_bytes, 2048)
    if head[510:512] == b"\x55\xaa" and (head[0x36:0x3B] in (b"FAT12", b"FAT16") or head[0x52:0x57] == b"FAT32"):
        return "fat"
    return "ext4" if head[_EXT4_MAGIC_AT : _EXT4_MAGIC_AT + 2] == _EXT4_MAGIC else ""


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    """Read as much as there is, filled up with zeros: what lies behind the end is found out by the checks."""
    file.seek(at)
    return file.read(size).ljust(size, b"\0")
