"""What a wheel says of itself: what it is, what it requires, how much room it takes, how old a C library will do."""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from edge_sdk import files
from edge_sdk.errors import InputError, TrustError

_MAX_METADATA_BYTES = 4 << 20
_BLOCK_BYTES = 4096
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_")
_OLD_NAMES = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}
"""What PEP 600 says that the older names stand for."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that was read.

    Attributes:
        path: Where it is; its name is the wheel's own.
        name: The distribution, normalised.
        version: Its version.
        requires: What it requires, markers and all.
        python: The Pythons that it is for, such as `>=3.10`; empty for any.
        tags: What it runs on.
        glibc: The oldest C library that will do; (0, 0) if it needs none.
        sha256: Its digest.
        size_bytes: Its size.
        unpacked_bytes: What it takes on a disk once installed, with the bytecode that comes with use.
    """

    path: Path
    name: str
    version: str
    requires: tuple[Requirement, ...]
    python: SpecifierSet
    tags: frozenset[Tag]
    glibc: tuple[int, int]
    sha256: str
    size_bytes: int
    unpacked_bytes: int

    def is_for(self, python: str) -> bool:
        """Tell whether it is for a Python, such as `3.13`."""
        return self.python.contains(f"{python}.0", prereleases=True)


def read_wheel(path: Path, *, expected_sha256: str = "") -> Wheel:
    """Read what a wheel says of itself.

    Args:
        path: Where it is.
        expected_sha256: What its digest must be before anything in it is read; empty for a wheel that is new here.

    Raises:
        InputError: It is no wheel, or cannot be read.
        TrustError: It is not the one that is expected.
    """
    sha256 = files.sha256_of_file(path)
    if expected_sha256 not in ("", sha256):
        raise TrustError(f"{path}: expected SHA-256 {expected_sha256}, got {sha256}")
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            header = BytesHeaderParser().parsebytes(_metadata(archive, str(name)))
            unpacked_bytes = sum(_room(entry) for entry in archive.infolist())
        requires = tuple(Requirement(str(text)) for text in header.get_all("Requires-Dist", []))
        python = SpecifierSet(str(header.get("Requires-Python", "")))
    except OSError as exc:
        raise files.unreadable(path, exc) from exc
    except (ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as exc:  # packaging's are ValueErrors
        raise InputError(f"{path}: expected a wheel, got {exc}") from exc
    return Wheel(
        path=path,
        name=canonicalize_name(name),
        version=str(version),
        requires=requires,
        python=python,
        tags=tags,
        glibc=min(map(_glibc, tags)),
        sha256=sha256,
        size_bytes=path.stat().st_size,
        unpacked_bytes=unpacked_bytes,
    )


def _metadata(archive: zipfile.ZipFile, name: str) -> bytes:
    for entry in archive.infolist():
        folder, _, file = entry.filename.partition("/")
        if folder.endswith(".dist-info") and canonicalize_name(folder.split("-")[0]) == name and file == "METADATA":
            with archive.open(entry) as stream:
                return stream.read(_MAX_METADATA_BYTES)
    raise zipfile.BadZipFile("an archive without METADATA")


def _room(entry: zipfile.ZipInfo) -> int:
    blocks = -(-entry.file_size // _BLOCK_BYTES)
    with_bytecode = 2 if entry.filename.endswith(".py") else 1
    return blocks * _BLOCK_BYTES * with_bytecode


def _glibc(tag: Tag) -> tuple[int, int]:
    if match := _MANYLINUX.match(tag.platform):
        return int(match[1]), int(match[2])
    return next((glibc for start, glibc in _OLD_NAMES.items() if tag.platform.startswith(start)), (0, 0))
