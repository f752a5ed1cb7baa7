"""What an image, a drive or a mounted boot partition is, before anything is written: read only.

An image must show one boot partition at most and one root at most: where there are two, neither is guessed to be it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.image.ext4 import Ext4Volume
from edge_sdk.flash.image.fat import FatVolume
from edge_sdk.flash.image.formats import Boot, Format, evidence, find_format
from edge_sdk.flash.image.hooks import KIT_ON_BOOT, KIT_ON_ROOT
from edge_sdk.flash.image.mounted import MountedFolder
from edge_sdk.flash.image.partitions import Partition, read_partitions
from edge_sdk.flash.image.root_system import System, read_system
from edge_sdk.flash.image.volume import Volume

_MOST_TEXT_BYTES = 64 << 10
_SIGNS = frozenset({"cmdline.txt", "config.txt", "user-data", "meta-data"})


@dataclass(frozen=True, slots=True)
class Survey:
    """What a system to be customised is.

    Attributes:
        format: Which customisation it takes.
        evidence: What told so, for people.
        os_name: The system's name, or what made it; empty if it does not say.
        python: The minor version of its python3, such as `3.13`; empty if it cannot be told.
        arch: `aarch64`, `x86_64` or `armv7l`; empty if it cannot be told.
        glibc: Its C library, such as `2.41`; empty if it cannot be told.
        free_bytes: What is free where the kit goes, an older kit counted as free.
        cluster_bytes: In what pieces room is given away there.
        boot: Its boot partition; None if it has none.
        root: Its root; None if it cannot be read.
        boot_folder: Where the system mounts its boot partition; empty if it cannot be told.
        root_bytes: Size of the root; 0 if it cannot be read.
        root_free_bytes: What is free in it; 0 if it cannot be read.
        root_grows: Whether the system makes its root as large as the drive when it first starts.
    """

    format: Format
    evidence: tuple[str, ...]
    os_name: str
    python: str
    arch: str
    glibc: str
    free_bytes: int
    cluster_bytes: int
    boot: Partition | None = None
    root: Partition | None = None
    boot_folder: str = ""
    root_bytes: int = 0
    root_free_bytes: int = 0
    root_grows: bool = False


def survey(disk: Path) -> Survey:
    """Tell what an image file or a block device holds.

    Args:
        disk: The image, unpacked, or the device.

    Raises:
        InputError: It cannot be read, is damaged, or takes no customisation that is known.
        UnavailableError: mtools is not installed, or e2fsprogs where there is no boot partition.

    Example:
        >>> survey(Path("raspios.img")).format  # doctest: +SKIP
        'cloud-init'
    """
    found = read_partitions(disk)
    boot, shown = _boot(disk, [each for each in found if each.file_system == "fat"])
    try:
        root, system = _root(disk, [each for each in found if each.file_system == "ext4"])
    except UnavailableError:  # without debugfs the boot partition tells what one in a laptop tells
        if boot is None:
            raise
        root, system = None, None
    decided = find_format(shown, system, where=str(disk))
    block = root.superblock() if root else None
    place, kit_folder = (root, KIT_ON_ROOT) if decided == "systemd-root" else (boot, KIT_ON_BOOT)
    return replace(
        _told(decided, shown, system, place, kit_folder),
        boot=boot.partition if boot else None,
        root=root.partition if root else None,
        root_bytes=block.size_bytes if block else 0,
        root_free_bytes=block.free_bytes if block else 0,
    )


def survey_folder(boot: Path) -> Survey:
    """Tell what a mounted boot partition belongs to; of the root nothing is known.

    Raises:
        InputError: It is no folder that can be read, or takes no customisation that is known.
    """
    folder = MountedFolder(boot)
    shown = _show(folder, "")
    return _told(find_format(shown, None, where=str(boot)), shown, None, folder, KIT_ON_BOOT)


def _told(decided: Format, shown: Boot | None, system: System | None, place: Volume | None, kit_folder: str) -> Survey:
    free_bytes, cluster_bytes = _room(place, kit_folder) if place else (0, 0)
    issue = shown.issue.partition("\n")[0] if shown else ""
    return Survey(
        format=decided,
        evidence=evidence(shown, system),
        os_name=system.name if system else issue,
        python=system.python if system else "",
        arch=system.arch if system else "",
        glibc=system.glibc if system else "",
        free_bytes=free_bytes,
        cluster_bytes=cluster_bytes,
        boot_folder=system.boot_folder if system else "",
        root_grows=system is None or system.is_raspberry_pi_os or system.has_cloud_init,
    )


def _room(volume: Volume, kit_folder: str) -> tuple[int, int]:
    return volume.free_bytes() + volume.size_bytes(kit_folder), volume.cluster_bytes()


def _show(volume: Volume, label: str) -> Boot:
    cmdline, issue = (_text(volume, name) for name in ("cmdline.txt", "issue.txt"))
    return Boot(volume.names(), label=label, cmdline=cmdline, issue=issue)


def _text(volume: Volume, name: str) -> str:
    return (volume.read(name, most_bytes=_MOST_TEXT_BYTES) or b"").decode(errors="replace").strip()


def _boot(disk: Path, candidates: list[Partition]) -> tuple[FatVolume | None, Boot | None]:
    shown = [(volume, _show(volume, volume.label())) for volume in (FatVolume(disk, each) for each in candidates)]
    signed = [pair for pair in shown if pair[1].names & _SIGNS]
    if len(signed) > 1:
        raise InputError(
            f"{disk}: expected one boot partition, got {', '.join(str(each.partition.number) for each, _ in signed)}"
        )
    return signed[0] if signed else (None, None)


def _root(disk: Path, candidates: list[Partition]) -> tuple[Ext4Volume | None, System | None]:
    volumes = [Ext4Volume(disk, each) for each in candidates]
    found = [(volume, system) for volume in volumes if (system := read_system(volume)) is not None]
    if len(found) > 1:
        raise InputError(f"{disk}: expected one root, got {', '.join(str(each.partition.number) for each, _ in found)}")
    return found[0] if found else (None, None)
