"""What the kernel knows of the disks of this machine, as one tree a disk; what is decided with it stands in `refusals`.

- `look` asks `lsblk` of util-linux, /proc and /sys, and writes nothing; `block_devices` makes records of that, pure, so
  that a recorded machine is judged as a real one.
- Where something is mounted is taken from `lsblk` and from /proc/self/mountinfo: the first knows one place of a device
  only before util-linux 2.37, the second names file systems of several disks and of FUSE by their path alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_sdk.errors import InputError, UnavailableError

_COLUMNS = "NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,RO,RM,TRAN,VENDOR,MODEL,SERIAL,FSTYPE,LABEL,MOUNTPOINT"
"""NAME, which is not read, makes lsblk answer with trees: without it what is on a disk would stand beside it."""
_PATIENCE_S = 30
_ATTRIBUTES = ("diskseq", "device/type", "loop/backing_file")
_SWAP = "[SWAP]"
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Machine:
    """What was read of a machine.

    Attributes:
        lsblk: Decoded `lsblk --json`.
        mountinfo: /proc/self/mountinfo.
        swaps: /proc/swaps.
        sys: Attributes of /sys/block by their path below it, such as `sdb/diskseq`.
    """

    lsblk: dict[str, Any]
    mountinfo: str = ""
    swaps: str = ""
    sys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """A disk, a partition, or what lives on one.

    Attributes:
        path: Such as /dev/sdb.
        number: The kernel's number of it, `major:minor`.
        kind: As lsblk says: disk, part, loop, rom, lvm, crypt, raid1, mpath, …
        size_bytes: 0 for a reader without a card.
        is_read_only: Whether the kernel refuses to write it.
        is_removable: Whether the medium may be taken out, as the disk and its firmware say.
        transport: usb, mmc, sata, nvme, …; empty if unknown.
        card: Of a disk of the kernel's MMC driver SD or MMC (which is eMMC); empty of others.
        model: Its maker's words.
        serial: Its maker's number; empty if it tells none.
        sequence: Grows with each disk and each change of a medium (Linux 5.15, `diskseq`); 0 if unknown.
        backing_file: Of a loop device, the file behind it.
        filesystem: What was found on it; empty if nothing.
        label: Of the file system.
        mount_points: Where it is mounted.
        is_swap: Whether the kernel swaps to it.
        children: Its partitions, and what is built of it.
    """

    path: str
    number: str
    kind: str
    size_bytes: int
    is_read_only: bool
    is_removable: bool
    transport: str
    card: str
    model: str
    serial: str
    sequence: int
    backing_file: str
    filesystem: str
    label: str
    mount_points: tuple[str, ...]
    is_swap: bool
    children: tuple[BlockDevice, ...]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def title(self) -> str:
        """What people know it by: its maker's words, or what it is, and its size."""
        what = self.model or (f"loop device of {self.backing_file}" if self.backing_file else self.kind)
        return f"{what}, {self.size_bytes / 1e9:.1f} GB"

    def tree(self) -> Iterator[BlockDevice]:
        """Yield it and all that lives on it."""
        yield self
        for child in self.children:
            yield from child.tree()


def look(platform: str = sys.platform) -> Machine:
    """Read what there is.

    Args:
        platform: The system's name as Python says it.

    Raises:
        InputError: This is no Linux.
        UnavailableError: There is no `lsblk`, or it fails.
    """
    if platform != "linux":
        raise InputError(
            f"drives: expected Linux, got {platform}",
            hint="write the system's image with the tool of its maker (Raspberry Pi Imager), then flash the boot "
            "partition of the card where it is mounted: edge-sdk flash FOLDER …",
        )
    listed = _lsblk()
    names = [str(node.get("kname")) for node in listed.get("blockdevices", [])]
    attributes = {
        f"{name}/{attribute}": _read(Path("/sys/block", name.replace("/", "!"), attribute))
        for name in names
        for attribute in _ATTRIBUTES
    }
    told = {place: value for place, value in attributes.items() if value}
    return Machine(listed, _read(Path("/proc/self/mountinfo")), _read(Path("/proc/swaps")), told)


def block_devices(machine: Machine) -> tuple[BlockDevice, ...]:
    """Return the disks of a machine, each with what lives on it."""
    mounts = _mounts(machine.mountinfo)
    swaps = {line.split()[0] for line in machine.swaps.splitlines()[1:] if line.strip()}
    return tuple(_device(node, machine.sys, mounts, swaps) for node in machine.lsblk.get("blockdevices", []))


def number_of(device: int) -> str:
    """Return a device's number, as `os.stat` gives it, in the kernel's words: `major:minor`."""
    return f"{os.major(device)}:{os.minor(device)}"


def _device(
    node: Mapping[str, Any], attributes: Mapping[str, str], mounts: Mapping[str, list[str]], swaps: set[str]
) -> BlockDevice:
    path, number, name = _text(node, "path"), _text(node, "maj:min"), _text(node, "kname")
    at = [point for point in (_text(node, "mountpoint"), *mounts.get(number, ()), *mounts.get(path, ())) if point]
    is_card = name.startswith("mmcblk")
    return BlockDevice(
        path=path,
        number=number,
        kind=_text(node, "type"),
        size_bytes=int(node.get("size") or 0),
        is_read_only=_flag(node, "ro"),
        is_removable=_flag(node, "rm"),
        transport="mmc" if is_card else _text(node, "tran"),
        card=attributes.get(f"{name}/device/type", "") if is_card else "",
        model=f"{_maker(node)} {_text(node, 'model')}".strip(),
        serial=_text(node, "serial"),
        sequence=int(attributes.get(f"{name}/diskseq", "0")),
        backing_file=attributes.get(f"{name}/loop/backing_file", ""),
        filesystem=_text(node, "fstype"),
        label=_text(node, "label"),
        mount_points=tuple(dict.fromkeys(point for point in at if point != _SWAP)),
        is_swap=_SWAP in at or path in swaps or f"/dev/{name}" in swaps,
        children=tuple(_device(child, attributes, mounts, swaps) for child in node.get("children") or ()),
    )


def _maker(node: Mapping[str, Any]) -> str:
    said = _text(node, "vendor")
    return "" if said.startswith("0x") else said  # a number of PCI


def _flag(node: Mapping[str, Any], key: str) -> bool:
    return node.get(key) in (True, "1")  # the word before util-linux 2.33


def _text(node: Mapping[str, Any], key: str) -> str:
    return " ".join(str(node.get(key) or "").split())


def _mounts(mountinfo: str) -> Mapping[str, list[str]]:
    """Return the places of each file system, by the number of its device and by what was mounted (proc(5))."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words, source = left.split(), right.split()
        if len(words) > 4 and len(source) > 1:
            for key in (words[2], _unescaped(source[1])):
                found[key].append(_unescaped(words[4]))
    return found


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def _lsblk() -> dict[str, Any]:
    command = ["lsblk", "--json", "--bytes", "--all", "--output", _COLUMNS]
    try:
        done = subprocess.run(  # noqa: S603  util-linux's, with words of ours
            command,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        listed = json.loads(done.stdout)
    except FileNotFoundError as exc:
        raise UnavailableError("lsblk: expected util-linux's program, got none", hint="install util-linux") from exc
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(
            f"lsblk: expected an answer within {_PATIENCE_S} s, got none", hint="a drive hangs: pull it"
        ) from exc
    except ValueError as exc:
        said = done.stderr.decode(errors="replace").strip()
        raise UnavailableError(f"lsblk: expected JSON, got {said or 'something else'}") from exc
    return dict(listed)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape").strip()
    except OSError:
        return ""
