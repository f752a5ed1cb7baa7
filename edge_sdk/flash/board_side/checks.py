"""The first step: is this the board that the kit is for, and is there room? The quick questions come first."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.kit import Kit, check_files
from edge_sdk.flash.board_side.places import Places

_LIBRARIES = {"libstdc++.so.6": "libstdc++6"}
"""What manylinux wheels need beside the C library (PEP 600), and a minimal Debian does not have."""


def check_system(kit: Kit) -> None:
    """Compare the system with what the kit's wheels were built for.

    Raises:
        StepError: It is another one.
    """
    bits = 64 if sys.maxsize > 2**32 else 32  # a 64-bit kernel with a 32-bit system calls itself aarch64 too
    _expect("system", f"{kit.arch} of 64 bits", f"{platform.machine()} of {bits} bits")
    _expect("python3", f"Python {kit.python}", f"Python {sys.version_info.major}.{sys.version_info.minor}")
    glibc = _glibc()
    if _numbers(glibc) < _numbers(kit.glibc):
        raise StepError(f"glibc: expected {kit.glibc} or newer, got {glibc or 'another C library'}", is_final=True)


def check_libraries(wanted: Mapping[str, str] = _LIBRARIES) -> None:
    """Check that the system has the libraries that compiled wheels take from it.

    Args:
        wanted: Package of Debian and Ubuntu by name of the library.

    Raises:
        StepError: One is not there, or cannot be loaded.
    """
    for library, package in wanted.items():
        try:
            ctypes.CDLL(library)
        except OSError as exc:
            raise StepError(
                f"{library}: expected it on this system, got none: install {package}", is_final=True
            ) from exc


def check_room(places: Places, kit: Kit) -> None:
    """Check that the environment fits beside what is there.

    Raises:
        StepError: It does not.
    """
    free = free_bytes(places.root)
    if free < kit.needs_bytes:
        raise StepError(f"disk: expected {kit.needs_bytes} bytes free, got {free}")


def check_kit(places: Places, kit: Kit) -> None:
    """Compare the kit's files with its record.

    Raises:
        StepError: One is not what the record says.
    """
    check_files(places.kit, kit)


def free_bytes(folder: Path) -> int:
    """Return how much room there is for files of root's."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _expect(place: str, wanted: str, got: str) -> None:
    if got != wanted:
        raise StepError(f"{place}: expected {wanted}, got {got}", is_final=True)


def _glibc() -> str:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl
        return ""
    return version if name == "glibc" else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
