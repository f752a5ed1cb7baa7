"""Values in the files of /sys: found by the name of their device, read as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError, UnavailableError

SYSFS, DEV = Path("/sys"), Path("/dev")


def find_device(folders: Iterable[Path], name: str, *, naming: str, where: str) -> Path:
    """Return the folder of the one device with this name; the folder's own name is taken too.

    Args:
        folders: Those of all devices of the kind.
        name: What its file `naming` says, or the name of its folder.
        naming: The file that names a device.
        where: The address, which starts the message.

    Raises:
        UnavailableError: There is none.
        InputError: There are several.
    """
    named = {folder: read_text(folder / naming) for folder in sorted(folders) if (folder / naming).exists()}
    found = [folder for folder, told in named.items() if name in {told, folder.name}]
    if not found:
        there = ", ".join(f"{told} ({folder.name})" for folder, told in named.items()) or "none"
        raise UnavailableError(
            f"{where}: expected a device {name}, got {there}" + records.near_match(name, [*named.values()])
        )
    if len(found) > 1:
        raise InputError(f"{where}: expected one device {name}, got {', '.join(folder.name for folder in found)}")
    return found[0]


def read_number(path: Path) -> float:
    """Return the number in a file.

    Raises:
        UnavailableError: The file cannot be read, or holds no number: the device is gone, or is not ready.
    """
    text = read_text(path)
    try:
        return float(text)
    except ValueError as exc:
        raise UnavailableError(f"{path}: expected a number, got {text[:40]!r}") from exc


def read_text(path: Path) -> str:
    """Return what a file says, without the space around it.

    Raises:
        UnavailableError: It cannot be read: the device is gone, or is not ready.
    """
    try:
        return path.read_text().strip()
    except OSError as exc:
        raise UnavailableError(f"{path}: expected a value, got {exc.strerror or exc}") from exc


def write_text(path: Path, text: str) -> None:
    """Write a setting of a device.

    Raises:
        UnavailableError: The device does not take it.
    """
    try:
        path.write_text(text)
    except OSError as exc:
        hint = "run as a user that may write it" if isinstance(exc, PermissionError) else ""
        raise UnavailableError(f"{path}: expected it to take '{text}', got {exc.strerror or exc}", hint=hint) from exc
