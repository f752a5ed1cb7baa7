"""A copy of a file beside it that takes its place when all has gone well, made without copying where the disk can.

- Btrfs, XFS and others share the blocks of both until one is written (FICLONE); elsewhere holes stay holes.
- The copy's name is fixed and it is locked: what a kill left is used up by the next attempt, and two do not meet.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge_sdk import files
from edge_sdk.errors import UnavailableError

_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_CHUNK_BYTES = 4 << 20


@contextmanager
def copy_beside(file: Path) -> Iterator[Path]:
    """Copy a file for the block to write to; it replaces the file only if the block ends without an error.

    Raises:
        InputError: The file cannot be read.
        UnavailableError: There is too little room beside it, the folder cannot be written, or it is being done already.
    """
    file = file.resolve()
    copy = file.parent / f".{file.name}.edge-sdk.part"
    with _opened(file) as source, _claimed(copy) as target:
        try:
            _copy(source, target)
            yield copy
            os.fsync(target.fileno())
            copy.chmod(file.stat().st_mode & 0o7777)
            files.move(copy, file)
        except BaseException as exc:
            with suppress(OSError):
                copy.unlink()
            if isinstance(exc, OSError):
                raise files.unwritable(copy, exc) from exc
            raise


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as exc:
        raise files.unreadable(file, exc) from exc
    with source:
        yield source


@contextmanager
def _claimed(copy: Path) -> Iterator[BinaryIO]:
    try:
        target = copy.open("a+b")
    except OSError as exc:
        raise files.unwritable(copy, exc) from exc
    with target:
        try:
            fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise UnavailableError(f"{copy}: expected one at a time to customise this image, got two") from exc
        yield target


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    target.truncate(0)
    with suppress(OSError):
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        return
    size = os.fstat(source.fileno()).st_size
    files.require_free_space(Path(target.name).parent, os.fstat(source.fileno()).st_blocks * 512)
    target.truncate(size)
    with Path(target.name).open("r+b") as into:  # the first is open for appending only
        for start, end in _stretches(source.fileno(), size):
            source.seek(start)
            into.seek(start)
            left = end - start
            while left and (chunk := source.read(min(_CHUNK_BYTES, left))):
                into.write(chunk)
                left -= len(chunk)


def _stretches(source: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where a file has data; all of it where the file system does not tell."""
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
            end = os.lseek(source, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # only a hole is left
                return
            start, end = at, size
        yield start, end
        at = end
