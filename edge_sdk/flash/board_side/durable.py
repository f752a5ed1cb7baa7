"""Files and links that are there whole or not at all, whenever the power goes."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def write(path: Path, data: bytes, *, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Write a file beside its place and move it there.

    Args:
        path: Where it is to be; its folder is made if it does not exist.
        data: What it holds.
        mode: Its rights, from its first byte on, whatever the umask is.
        owner: User and group that it is given to before it is there; None for root's.

    Raises:
        OSError: The disk is full, or the folder cannot be written; what was there still is.
    """
    part = path.with_name(f".{path.name}.part")
    make_folder(path.parent)
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if mode != 0o600:
                part.chmod(mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def link(path: Path, target: Path) -> None:
    """Let a link lead to a folder beside or below it, exchanged by rename.

    Raises:
        OSError: The folder cannot be written; what was there still is.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.relative_to(path.parent))
    fresh.replace(path)
    sync_folder(path.parent)


def wipe(path: Path) -> bool:
    """Overwrite a file and delete it; tell whether it is gone. A card may keep old bytes where nobody reads them."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove_folder(path: Path) -> None:
    """Remove a folder; half of it is never taken for a whole, since it is renamed first.

    Raises:
        OSError: It cannot be removed.
    """
    gone = path if path.name.startswith(".gone-") else path.with_name(f".gone-{path.name}")
    if gone != path:
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
    shutil.rmtree(gone)


def make_folder(folder: Path, *, mode: int = 0o755) -> None:
    """Make a folder, with those above it, that outlives a power cut; the rights are those of a new one.

    Raises:
        OSError: It cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode, parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk.

    Raises:
        OSError: They cannot be.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
