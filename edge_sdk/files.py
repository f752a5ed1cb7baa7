"""Files that are there whole or not at all.

- A file is written beside its place, synced, and renamed over it; a failure leaves what was there before.
- Digests are SHA-256 in lower-case hexadecimal, computed while streaming.
- A full disk is an `UnavailableError`; a path that cannot be read is an `InputError`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from edge_sdk.errors import InputError, UnavailableError

_CHUNK_BYTES = 1 << 20
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def write_atomic(path: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` only if the block ends without an error.

    Args:
        path: Where the file is to be; its folder is made if it does not exist.
        is_private: Whether nobody but its owner may read it, from its first byte on.

    Yields:
        The file, open for reading and writing bytes.

    Raises:
        InputError: There is something at `path` that is not a file, such as a folder or a device.
        UnavailableError: The disk is full, or the folder cannot be written.
    """
    part = path.parent / f".{path.name}.{os.urandom(4).hex()}.part"
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected a file or nothing there, got a folder or a device")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "x+b", opener=partial(os.open, mode=0o600 if is_private else 0o666)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    finally:
        with suppress(OSError):  # after the rename there is none, and a clean-up that fails must not hide the cause
            part.unlink()


def write_bytes(path: Path, data: bytes, *, is_private: bool = False) -> None:
    """Write `data` to `path`, whole or not at all; a private file only its owner may read.

    Raises:
        UnavailableError: The disk is full, or the folder cannot be written.
    """
    with write_atomic(path, is_private=is_private) as file:
        file.write(data)


def read_bytes(path: Path, *, max_bytes: int) -> bytes:
    """Return the contents of a file that is no larger than `max_bytes`.

    Raises:
        InputError: The file is missing, unreadable, or larger than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if len(data) > max_bytes:
        raise InputError(f"{path}: expected at most {max_bytes} bytes, got more")
    return data


def move(path: Path, to: Path) -> None:
    """Rename a file that is written and synced, over what was there; on the disk when this returns.

    Raises:
        UnavailableError: The folder cannot be written.
    """
    try:
        path.replace(to)
        _sync_folder(to.parent)
    except OSError as exc:
        raise unwritable(to, exc) from exc


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in chunks.

    Raises:
        InputError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return digest.hexdigest()


def sha256_of_files(paths: Sequence[Path]) -> str:
    """Return one SHA-256 for files in this order: of one file its own, of more that of their digests.

    Raises:
        InputError: A file cannot be read.
    """
    digests = [sha256_of_file(path) for path in paths]
    return digests[0] if len(digests) == 1 else sha256_hex("".join(digests).encode())


def require_free_space(folder: Path, size_bytes: int) -> None:
    """Check that the file system of `folder` has `size_bytes` free.

    Raises:
        UnavailableError: It has less.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    disk = os.statvfs(existing)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < size_bytes:
        raise UnavailableError(
            f"{folder}: expected {size_bytes} bytes free, got {free_bytes}", hint="free some space, or write elsewhere"
        )


def require_writable(path: Path) -> None:
    """Check, before long work, that its result can be written to `path`.

    Raises:
        InputError: There is something at `path` that is not a file, such as a folder or a device.
        UnavailableError: The folder cannot be written.
    """
    import tempfile

    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected a file or nothing there, got a folder or a device")
        existing = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=existing):  # permissions alone do not tell
            pass
    except OSError as exc:
        raise unwritable(path, exc) from exc


def cache_folder(name: str, environment: Mapping[str, str], home: Path) -> Path:
    """Return where a user's cache of this name is, by the XDG base directory specification.

    Example:
        >>> str(cache_folder("wheels", {}, Path("/home/me")))
        '/home/me/.cache/edge-sdk/wheels'
    """
    root = environment.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else home / ".cache") / "edge-sdk" / name


def is_safe_name(name: str) -> bool:
    """Tell whether `name` can be a file name anywhere: letters, digits, `.`, `_`, `-`, at most 128, no leading dot."""
    return _SAFE_NAME.fullmatch(name) is not None


def unreadable(path: Path, exc: OSError) -> InputError:
    """Return the error for a file that should be read and cannot be."""
    return InputError(f"{path}: expected a readable file, got {exc.strerror or exc}")


def unwritable(path: Path, exc: OSError) -> UnavailableError:
    """Return the error for a file that should be written and cannot be."""
    if exc.errno in _NO_SPACE:
        return UnavailableError(f"{path}: expected room to write, got a full disk", hint="free some space and repeat")
    return UnavailableError(f"{path}: expected a place to write, got {exc.strerror or exc}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
