"""A kit in a folder: a mounted boot partition, a copy to look at, or what goes to a board over SSH.

- `kit.json` goes first when a kit is replaced and comes last when it is written: what is between is no kit.
- All that was written is read back, past the system's memory where the system lets us, and compared.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import TrustError
from edge_sdk.flash.kit import (
    KIT_NAME,
    MAX_KIT_BYTES,
    RECOVER_NAME,
    SECRET_NAMES,
    STATUS_NAME,
    Kit,
    Parcel,
    decode_kit,
)

_OF_AN_OLDER_KIT = (STATUS_NAME, RECOVER_NAME, *SECRET_NAMES, "*.edge", "login.json", "profile.toml", "wheels/*.whl")


def write_kit(folder: Path, kit: Kit, contents: Mapping[str, bytes | Path], secrets: Mapping[str, bytes]) -> None:
    """Write a kit over an older one or into a new folder, and check it by reading it back.

    Args:
        folder: The kit's folder; what an older kit left there goes, other files stay.
        kit: The record.
        contents: The bytes of each file of `kit.files`, or the file to copy, by its name in the kit.
        secrets: The bytes of each secret, by name.

    Raises:
        InputError: The contents are not those of the record, or one cannot be read.
        TrustError: A file is not what the record says, at its source or as it was read back.
        UnavailableError: There is too little room, or the folder cannot be written.
    """
    parcel = Parcel(kit, contents, secrets)
    _remove_older(folder)
    files.require_free_space(folder, parcel.size_bytes)
    for file in kit.files:
        _write(folder / file.name, contents[file.name])
    for name, data in secrets.items():
        files.write_bytes(folder / name, data, is_private=True)
    _check_files(folder, kit)
    files.write_bytes(folder / KIT_NAME, kit.to_json())
    if read_kit(folder) != kit:
        raise TrustError(f"{folder / KIT_NAME}: expected what was written, got another kit")


def read_kit(folder: Path) -> Kit:
    """Read the record of a kit; its files are not looked at.

    Raises:
        InputError: There is no kit, or its record is none or of a newer schema.
    """
    path = folder / KIT_NAME
    return decode_kit(files.read_bytes(path, max_bytes=MAX_KIT_BYTES), where=str(path))


def check_kit(folder: Path) -> Kit:
    """Read a kit and compare every file with the record.

    Raises:
        InputError: There is no kit, or its record is none or of a newer schema.
        TrustError: A file is missing, or is not what the record says.
    """
    kit = read_kit(folder)
    _check_files(folder, kit)
    return kit


def _remove_older(folder: Path) -> None:
    """Remove what only kits have, the record first."""
    paths = [folder / KIT_NAME, *(path for pattern in _OF_AN_OLDER_KIT for path in sorted(folder.glob(pattern)))]
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise files.unwritable(path, exc) from exc


def _write(path: Path, content: bytes | Path) -> None:
    with files.write_atomic(path) as into:
        if isinstance(content, bytes):
            into.write(content)
            return
        try:
            source = content.open("rb")
        except OSError as exc:
            raise files.unreadable(content, exc) from exc
        with source:
            shutil.copyfileobj(source, into)


def _check_files(folder: Path, kit: Kit) -> None:
    for file in kit.files:
        path = folder / file.name
        try:
            size_bytes = path.stat().st_size
            _forget(path)
        except OSError as exc:
            raise TrustError(f"{path}: expected a file of the kit, got {exc.strerror or exc}") from exc
        if size_bytes != file.size_bytes:
            raise TrustError(f"{path}: expected {file.size_bytes} bytes, got {size_bytes}")
        digest = files.sha256_of_file(path)
        if digest != file.sha256:
            raise TrustError(f"{path}: expected SHA-256 {file.sha256}, got {digest}")


def _forget(path: Path) -> None:
    """Have the next read come from the medium rather than from memory, where the system knows how."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
