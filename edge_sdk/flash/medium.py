"""A drive open for writing, past the page cache: what has been written is on its way to the medium, not in memory.

- Blocks go with `O_DIRECT`, so that progress is the drive's own, and reading back reads the drive. What is no multiple
  of `ALIGNED_BYTES` (an image's end), and what cannot do that, goes through the cache, synced and then dropped.
- Each error says at which byte, in the words of `expected X, got Y`.
- The claim (`O_EXCL`) is held from before the drive is looked at for the last time until it is closed.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edge_sdk.errors import InputError, UnavailableError

ALIGNED_BYTES = 4096
"""A multiple of any drive's sector."""
_REREAD_PARTITIONS = 0x125F
"""BLKRRPART of linux/fs.h."""
_NO_MEDIUM = 123
"""ENOMEDIUM of Linux, which Python does not name elsewhere."""
_CAUSES = {
    errno.EACCES: "one that this user may not",
    errno.EPERM: "one that this user may not",
    errno.EBUSY: "one that is in use",
    _NO_MEDIUM: "an empty reader",
    errno.ENOENT: "nothing there",
    errno.ENXIO: "nothing there",
    errno.ENODEV: "nothing there",
    errno.EROFS: "one that is write-protected",
}
_HINTS = {
    errno.EACCES: "run the command as root: sudo",
    errno.EPERM: "run the command as root: sudo",
    errno.EBUSY: "unmount it, or end the program that uses it",
}


def aligned_buffer(size_bytes: int) -> memoryview:
    """Return memory that begins at a page, as `O_DIRECT` needs it."""
    return memoryview(mmap.mmap(-1, size_bytes))


class Medium:
    """An open drive, or a file that stands for one.

    Attributes:
        name: Its path, which starts each message.
        size_bytes: Its size.
    """

    def __init__(self, handle: int, name: str) -> None:
        """Take an open handle; the caller closes it."""
        self._handle, self.name = handle, name
        self.size_bytes = os.lseek(handle, 0, os.SEEK_END)
        self._flags = fcntl.fcntl(handle, fcntl.F_GETFL)

    @property
    def number(self) -> int:
        """The kernel's number of it."""
        return os.fstat(self._handle).st_rdev

    def write(self, data: memoryview, offset: int) -> None:
        """Write all of `data`, which is aligned memory, at `offset`.

        Raises:
            UnavailableError: The drive did not take it.
        """
        at = 0
        while at < len(data):
            try:
                self._go_direct(offset + at, len(data) - at)
                done = os.pwrite(self._handle, data[at:], offset + at)
            except OSError as exc:
                raise self._failed("take", len(data) - at, offset + at, exc) from exc
            at += done

    def read(self, into: memoryview, offset: int) -> None:
        """Fill `into`, which is aligned memory, from `offset` of the medium, not of the cache.

        Raises:
            UnavailableError: The drive did not give it.
        """
        at = 0
        while at < len(into):
            try:
                if not self._go_direct(offset + at, len(into) - at):
                    os.posix_fadvise(self._handle, offset, len(into), os.POSIX_FADV_DONTNEED)
                done = os.preadv(self._handle, [into[at:]], offset + at)
            except OSError as exc:
                raise self._failed("give", len(into) - at, offset + at, exc) from exc
            if not done:
                raise UnavailableError(f"{self.name}: expected {len(into) - at} bytes at {offset + at}, got its end")
            at += done

    def sync(self) -> None:
        """Return when all that was written is on the medium.

        Raises:
            UnavailableError: It did not get there.
        """
        try:
            os.fsync(self._handle)
        except OSError as exc:
            raise UnavailableError(
                f"{self.name}: expected what was written on the medium, got {exc.strerror}", hint=_WORN
            ) from exc

    def reread_partitions(self) -> None:
        """Have the kernel look for the new partitions, where it can."""
        with suppress(OSError):  # no parser in the kernel, or the drive has been pulled meanwhile
            fcntl.ioctl(self._handle, _REREAD_PARTITIONS)

    def _go_direct(self, offset: int, size_bytes: int) -> bool:
        """Switch the cache off for what is aligned, if the drive can; tell whether it is off."""
        is_aligned = offset % ALIGNED_BYTES == 0 and size_bytes % ALIGNED_BYTES == 0
        wanted = self._flags if is_aligned else self._flags & ~os.O_DIRECT
        fcntl.fcntl(self._handle, fcntl.F_SETFL, wanted)
        return bool(wanted & os.O_DIRECT)

    def _failed(self, verb: str, size_bytes: int, offset: int, exc: OSError) -> UnavailableError:
        return UnavailableError(
            f"{self.name}: expected it to {verb} {size_bytes} bytes at {offset}, got {exc.strerror}", hint=_WORN
        )


_WORN = "the drive was pulled, is worn out, or has less room than it says: take another"


@contextmanager
def claimed(path: str) -> Iterator[Medium]:
    """Open a drive for writing, for nobody else meanwhile.

    Raises:
        InputError: It is in use, write-protected or gone, or this user may not.
    """
    handle = _open(path)
    try:
        with suppress(OSError):  # udev looks at it when this is closed, not at halves (systemd.io/BLOCK_DEVICE_LOCKING)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Medium(handle, path)
    finally:
        os.close(handle)


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags | os.O_DIRECT)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
            return os.open(path, flags)
    except OSError as exc:
        got = _CAUSES.get(exc.errno or 0, str(exc.strerror))
        raise InputError(f"{path}: expected a drive to write, got {got}", hint=_HINTS.get(exc.errno or 0, "")) from exc
