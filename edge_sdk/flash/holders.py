"""Who else uses a drive: the kernel's claim on it, and the programs that have it open for writing.

- File systems, swap, LVM, RAID and other flashing tools claim a drive for themselves, in whatever container they run:
  Linux then refuses to open it with `O_EXCL` (open(2): without `O_CREAT`, of a block device).
- A plain `dd` claims nothing. It is found among the open files of /proc, as far as this user may look.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_sdk.flash.block_devices import number_of


def is_claimed(path: str) -> bool:
    """Tell whether the kernel refuses a drive because it is in use; False if this user may not ask."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as exc:
        return exc.errno == errno.EBUSY
    return False


def writers(numbers: set[str]) -> list[str]:
    """Return the other programs that have one of these devices open for writing, as `NAME (PID)`.

    Args:
        numbers: Devices as `major:minor`.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name != str(os.getpid()) and any(_open_for_writing(process, numbers)):
            with suppress(OSError):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return sorted(found)


def _open_for_writing(process: Path, numbers: set[str]) -> Iterator[bool]:
    with suppress(OSError):  # a program of another user, or one that has just ended
        for file in (process / "fd").iterdir():
            with suppress(OSError):
                status = file.stat()
                if stat.S_ISBLK(status.st_mode) and number_of(status.st_rdev) in numbers:
                    yield bool(_flags(process / "fdinfo" / file.name) & os.O_ACCMODE)


def _flags(fdinfo: Path) -> int:
    line = next(line for line in fdinfo.read_text().splitlines() if line.startswith("flags:"))
    return int(line.split()[1], 8)
