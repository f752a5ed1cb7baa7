from __future__ import annotations

import io
import struct
import zlib

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.image.partitions import Partition, parse_partitions, read_partitions
from tests.flash.image.images import needs_programs, run

DISK_BYTES = 1 << 20


def mbr(*entries: tuple[int, int, int], status: int = 0) -> bytes:
    """Return a table of (type, first sector, sectors)."""
    packed = b"".join(struct.pack("<B3xB3xII", status, *entry) for entry in entries)
    return (bytes(446) + packed).ljust(510, b"\0") + b"\x55\xaa"


def gpt(*stretches: tuple[int, int], count: int = 128, entry_bytes: int = 128, at: int = 2) -> bytearray:
    """Return a disk's first sectors with a GPT of (first sector, last sector)."""
    entries = b"".join(struct.pack("<16s16sQQQ72s", b"k" * 16, b"u" * 16, *each, 0, b"") for each in stretches)
    entries = entries.ljust(128 * 128, b"\0")
    rest = (1, 2047, 34, 2014, b"d" * 16, at, count, entry_bytes, zlib.crc32(entries))
    head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, *rest)
    head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
    return bytearray(mbr((0xEE, 1, 2047)) + head.ljust(512, b"\0") + entries)


def parse(head: bytes, size_bytes: int = DISK_BYTES) -> list[tuple[int, int, int]]:
    """Parse the start of a disk; in sectors."""
    found = parse_partitions(io.BytesIO(head), size_bytes, where="disk")
    return [(each.number, each.start_bytes // 512, each.size_bytes // 512) for each in found]


def test_an_mbr_with_logical_partitions_is_read():
    disk = bytearray(DISK_BYTES)
    disk[:512] = mbr((0x0C, 8, 8), (0x05, 100, 1000))
    disk[100 * 512 : 101 * 512] = mbr((0x83, 1, 20), (0x05, 200, 50))
    disk[300 * 512 : 301 * 512] = mbr((0x83, 2, 30))
    assert parse(bytes(disk)) == [(1, 8, 8), (5, 101, 20), (6, 302, 30)]


def test_a_gpt_is_read_also_beside_other_entries_of_its_mbr():
    disk = gpt((40, 49), (60, 99))
    assert parse(bytes(disk)) == [(1, 40, 10), (2, 60, 40)]
    disk[:512] = mbr((0x0C, 40, 10), (0xEE, 1, 39))
    assert parse(bytes(disk)) == [(1, 40, 10), (2, 60, 40)]


def test_a_file_system_without_a_table_is_one_partition():
    head = bytearray(4096)
    head[1080:1082] = b"\x53\xef"
    found = parse_partitions(io.BytesIO(bytes(head)), DISK_BYTES, where="disk")
    assert found == (Partition(0, 0, DISK_BYTES, "ext4"),)


def _looping() -> bytes:
    disk = bytearray(DISK_BYTES)
    disk[:512] = mbr((0x05, 100, 1000))
    disk[100 * 512 : 101 * 512] = mbr((0x83, 1, 1), (0x05, 10, 50))
    disk[110 * 512 : 111 * 512] = mbr((0x83, 1, 1), (0x05, 10, 50))
    return bytes(disk)


def _changed(disk: bytearray, at: int) -> bytes:
    disk[at] ^= 1
    return bytes(disk)


@pytest.mark.parametrize(
    ("disk", "wrong"),
    [
        (b"", "expected a disk image with a partition table, got none"),
        (b"\x55" * 2048, "expected a disk image with a partition table, got none"),
        (mbr(), "expected partitions, got an empty table"),
        (mbr((0x83, 8, 8), status=7), "got an entry that starts with 0x07"),
        (mbr((0x83, 8, 4000)), "expected partition 1 to end by 1048576 bytes, got 2052096"),
        (mbr((0x83, 0, 8)), "expected partition 1 behind the table, got one of no sense"),
        (mbr((0x83, 8, 8), (0x0C, 15, 8)), "expected partitions apart, got 1 and 2 overlapping"),
        (mbr((0x05, 100, 1000)), "expected a logical partition at sector 100, got none"),
        (_looping(), "expected logical partitions one after another, got one that leads back or out"),
        (mbr((0xEE, 1, 2047)), "expected a GPT header behind the protective MBR, got none"),
        (_changed(gpt((40, 49)), 512 + 60), "expected a GPT header that its checksum fits, got a damaged one"),
        (_changed(gpt((40, 49)), 1024 + 40), "expected GPT entries that their checksum fits, got damaged ones"),
        (bytes(gpt((40, 49), count=1 << 30)), "expected 1 to 128 entries of 128 bytes, got 1073741824 of 128"),
        (bytes(gpt((40, 49), entry_bytes=1)), "expected 1 to 128 entries of 128 bytes, got 128 of 1"),
        (
            bytes(gpt((40, 49), at=1 << 63)),
            "expected GPT entries behind the header, got them at sector 9223372036854775808",
        ),
        (bytes(gpt((49, 40))), "expected partition 1 behind the table, got one of no sense"),
        (bytes(gpt((1 << 63, 1 << 63))), "expected partition 1 to end by 1048576 bytes"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused(disk, wrong):
    with pytest.raises(InputError, match=wrong):
        parse(disk)


@needs_programs
@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_what_sfdisk_writes_is_read(tmp_path, label):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4 << 20))
    run("sfdisk", "-q", str(image), given=f"label: {label}\nstart=2048, size=2048\nstart=5000, size=1000\n")
    assert read_partitions(image) == (Partition(1, 1 << 20, 1 << 20), Partition(2, 5000 * 512, 1000 * 512))


def test_a_disk_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none.img: expected a readable file, got No such file"):
        read_partitions(tmp_path / "none.img")
