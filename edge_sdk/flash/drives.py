"""The drives of this machine: which there are, and the one that was named, if it may be written.

- `list_drives` shows each with what is on it, and why it is refused if it is. `require_drive` returns the one that was
  named by its plain name, or says why not; nothing here opens a drive for writing.
- A name is taken letter by letter: no links, no patterns, no ways around, so that what is shown is what is written.
- Bytes are decimal, as on the label of a card: 32 GB are 32,000,000,000.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.flash.block_devices import BlockDevice, block_devices, look, number_of
from edge_sdk.flash.holders import is_claimed, writers
from edge_sdk.flash.mark import LOOK_BYTES, is_incomplete
from edge_sdk.flash.refusals import Refusal, refusal
from edge_sdk.records import near_match

_LIST_HINT = "edge-sdk flash --list shows drives"
_PATTERN = frozenset("*?[]{}")


@dataclass(frozen=True, slots=True)
class Partition:
    """Something on a drive: a partition, or a file system that takes all of it.

    Attributes:
        path: Such as /dev/sdb1.
        size_bytes: Its size.
        filesystem: What was found on it; empty if nothing.
        label: Of the file system.
        mount_points: Where it is mounted.
    """

    path: str
    size_bytes: int
    filesystem: str
    label: str
    mount_points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive as a plan shows it and a writer finds it again.

    Attributes:
        path: Such as /dev/sdb.
        number: The kernel's number of it, `major:minor`.
        size_bytes: Its size; 0 for a reader without a card.
        model: Its maker's words; of a loop device, its file.
        serial: Its maker's number; empty if it tells none.
        transport: usb, mmc, sata, nvme, loop, …; empty if unknown.
        sequence: The kernel's count of disks and changed media; 0 if unknown.
        partitions: What is on it.
        is_incomplete: Whether a writing of it did not end; None if it was not looked at or may not be read.
        refusal: Why it may not be written; None if it may.
    """

    path: str
    number: str
    size_bytes: int
    model: str
    serial: str
    transport: str
    sequence: int
    partitions: tuple[Partition, ...]
    is_incomplete: bool | None
    refusal: Refusal | None

    @property
    def title(self) -> str:
        """What people know it by: its maker's words and its size."""
        return f"{self.model or self.transport or 'drive'}, {self.size_bytes / 1e9:.1f} GB"

    @property
    def holds(self) -> str:
        """What is on it, by what people call that; empty for nothing that is known."""
        return ", ".join(part.label or part.filesystem or part.path for part in self.partitions)


def list_drives() -> tuple[Drive, ...]:
    """Return the drives that there are, those that may be written first.

    Raises:
        InputError: This is no Linux.
        UnavailableError: `lsblk` does not answer.
    """
    shown = (device for device in block_devices(look()) if _is_shown(device))
    drives = (_drive(device, refusal(device)) for device in shown)
    return tuple(sorted(drives, key=lambda drive: (drive.refusal is not None, drive.path)))


def require_drive(name: str, least_bytes: int, *, holding: Iterable[Path] = ()) -> Drive:
    """Return the drive of this name, if it may be written.

    Args:
        name: Its plain name, such as /dev/sdb.
        least_bytes: What has to fit on it.
        holding: Files that are needed for the writing: the drive that holds one is not overwritten.

    Raises:
        InputError: It may not be written: the message says what it is, the hint what helps.
        UnavailableError: `lsblk` does not answer.
    """
    device = find_device(name, holding)
    drive = choose(device, least_bytes)
    programs = writers({one.number for one in device.tree()})
    if programs or is_claimed(name):
        raise InputError(
            f"{name}: expected a drive that no other program uses, got one that "
            f"{', '.join(programs) or 'the system or another program'} has open",
            hint="wait for it to end, or end it",
        )
    return drive


def find_device(name: str, holding: Iterable[Path] = ()) -> BlockDevice:
    """Return the disk of this name, whether or not it may be written.

    Raises:
        InputError: The name is not the plain name of a whole drive, or it holds a file that is needed.
        UnavailableError: `lsblk` does not answer.
    """
    devices = block_devices(look())
    _require_plain(name, devices)
    device = _named(name, devices)
    _require_free_of(device, holding)
    return device


def choose(device: BlockDevice, least_bytes: int) -> Drive:
    """Return a disk as a drive to write; pure but for a look at its mark.

    Raises:
        InputError: It may not be written, or is too small.
    """
    found = refusal(device)
    if found is None and device.size_bytes < least_bytes:
        least = f"a drive of at least {least_bytes:,} bytes"
        found = Refusal(least, f"{device.size_bytes:,} ({device.title})", "take a larger one")
    if found is not None:
        raise InputError(f"{device.path}: expected {found.expected}, got {found.got}", hint=found.hint)
    return _drive(device, None)


def _is_shown(device: BlockDevice) -> bool:
    """Leave out what nobody looks for: loop devices that are in use, disks in memory, the small parts of eMMC."""
    if device.kind == "loop":  # snaps alone are a dozen
        return refusal(device) is None
    return device.kind == "disk" and not device.name.startswith(("ram", "zram")) and "boot" not in device.name


def _drive(device: BlockDevice, refused: Refusal | None) -> Drive:
    return Drive(
        path=device.path,
        number=device.number,
        size_bytes=device.size_bytes,
        model=device.model or device.backing_file,
        serial=device.serial,
        transport=device.transport or ("loop" if device.kind == "loop" else ""),
        sequence=device.sequence,
        partitions=tuple(_partitions(device)),
        is_incomplete=_is_marked(device.path) if refused is None else None,
        refusal=refused,
    )


def _partitions(device: BlockDevice) -> Iterator[Partition]:
    parts = [child for child in device.children if child.kind == "part"]
    if (device.filesystem or device.mount_points) and not parts:
        parts = [device]
    for part in parts:
        yield Partition(part.path, part.size_bytes, part.filesystem, part.label, part.mount_points)


def _is_marked(path: str) -> bool | None:
    try:
        with Path(path).open("rb", buffering=0) as file:
            return is_incomplete(file.read(LOOK_BYTES))
    except OSError:
        return None


def _require_plain(name: str, devices: Sequence[BlockDevice]) -> None:
    """Check that a name is that of a device node, written as it stands there: no pattern, no link, no way around."""
    if _PATTERN & set(name):
        raise InputError(f"{name}: expected the name of one drive, got a pattern", hint=_LIST_HINT)
    real = os.path.realpath(name)
    if not os.path.lexists(real) or not name:
        near = near_match(name, [device.path for device in devices if _is_shown(device)])
        raise InputError(f"{name or 'drive'}: expected a drive such as /dev/sdb, got nothing{near}", hint=_LIST_HINT)
    if real != name:
        title = next((device.title for device in devices if device.path == real), "")
        hint = f"{real} is {title}: if that is meant, give that name" if title else _LIST_HINT
        raise InputError(f"{name}: expected the drive's own name, got a link or a way around to {real}", hint=hint)
    kind = stat.S_IFMT(os.lstat(name).st_mode)
    if kind != stat.S_IFBLK:
        raise InputError(f"{name}: expected a drive, got {_KINDS.get(kind, 'something else')}", hint=_LIST_HINT)


_KINDS = {
    stat.S_IFREG: "a regular file",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def _named(name: str, devices: Sequence[BlockDevice]) -> BlockDevice:
    """Return the disk whose name this is, by name and by number: a node of /dev may be another's in disguise."""
    number = number_of(os.lstat(name).st_rdev)
    disk = next((disk for disk in devices if any(one.number == number for one in disk.tree())), None)
    if disk is None:
        raise InputError(f"{name}: expected a drive, got a device node without one", hint=_LIST_HINT)
    device = next(one for one in disk.tree() if one.number == number)
    if device.path != name:
        raise InputError(
            f"{name}: expected the drive's own name, got another name of {device.path}",
            hint=f"{device.path} is {disk.title}",
        )
    if device is not disk and device.kind == "part":
        raise InputError(
            f"{name}: expected a whole drive, got a partition of {disk.path}",
            hint=f"{disk.path} is {disk.title}: if all of it may be overwritten, give that name",
        )
    return device


def _require_free_of(device: BlockDevice, files: Iterable[Path]) -> None:
    """Check that a disk neither is nor holds any of the files."""
    numbers = {one.number for one in device.tree()}
    for path in files:
        try:
            status = path.stat()
        except OSError as exc:
            raise unreadable(path, exc) from exc
        number = number_of(status.st_rdev if stat.S_ISBLK(status.st_mode) else status.st_dev)
        behind = Path(device.backing_file)
        if number in numbers or (device.backing_file and behind.exists() and path.samefile(behind)):
            raise InputError(
                f"{device.path}: expected a drive without what is written, got the one that holds {path}",
                hint="name another drive, or move the file",
            )
