"""Why a drive may not be written: a table of reasons, of which the first that holds is told. Pure.

- What a drive is used for comes before what it is: somebody whose laptop is at stake reads that first.
- A drive is taken for removable by how it is connected. The removable bit alone is not believed of buses that disks are
  built in with: firmware sets it for plain SATA ports that may be hot-plugged.
- A disk of the MMC driver is a card only if it says SD: eMMC is soldered, and often what a board starts from.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from edge_sdk.flash.block_devices import BlockDevice

_PORTABLE = ("usb", "sbp", "mmc")
_BUILT_IN = ("sata", "ata", "nvme", "sas", "spi", "virtio", "fc", "fcoe", "iscsi")
"""Words of lsblk (get_transport in misc-utils/lsblk.c of util-linux); sbp is FireWire."""
_SYSTEM_PLACES = {
    *("/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/etc", "/gnu/store", "/home", "/nix", "/nix/store", "/opt"),
    *("/root", "/srv", "/sysroot", "/usr", "/usr/local", "/var", "/var/lib", "/var/log"),
    *("/cdrom", "/run/initramfs/live", "/run/live/medium"),
}
_MEMORY = ("ram", "zram", "pmem")
_EMMC_PARTS = ("boot0", "boot1", "rpmb")
_BUILT_OF = {"crypt": "encryption (LUKS)", "lvm": "LVM", "mpath": "multipath", "dm": "the device mapper"}
_MEMBERS = {
    "LVM2_member": "LVM",
    "linux_raid_member": "a RAID",
    "isw_raid_member": "a RAID of the firmware",
    "ddf_raid_member": "a RAID of the firmware",
    "zfs_member": "a ZFS pool",
    "mpath_member": "multipath",
    "bcache": "bcache",
    "drbd": "DRBD",
    "ceph_bluestore": "Ceph",
    "VMFS_volume_member": "a VMware volume",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not.

    Attributes:
        expected: What a drive has to be.
        got: What it is.
        hint: The cure; empty if there is none.
    """

    expected: str
    got: str
    hint: str = ""


def refusal(drive: BlockDevice) -> Refusal | None:
    """Return why a disk may not be written; None if it may."""
    return next((said for reason in _REASONS if (said := reason(drive))), None)


def _no_disk(drive: BlockDevice) -> Refusal | None:
    if drive.kind == "rom":
        return Refusal("a drive that can be written again", "an optical drive")
    if drive.name.startswith(_MEMORY):
        return Refusal("a drive", f"a disk in memory ({drive.name})")
    if drive.kind not in ("disk", "loop"):
        built_of = _BUILT_OF.get(drive.kind, drive.kind)
        return Refusal("a whole drive", f"a volume of {built_of}", "edge-sdk flash --list shows drives")
    return None


def _runs_this_system(drive: BlockDevice) -> Refusal | None:
    expected = "a drive that this system does not run from"
    places = [(point, one.path) for one in drive.tree() for point in one.mount_points if point in _SYSTEM_PLACES]
    if places:
        point, path = min(places)  # the root before all others
        return Refusal(expected, f"the one that {point} is on ({path})")
    swaps = [one.path for one in drive.tree() if one.is_swap]
    return Refusal(expected, f"one that it swaps to ({swaps[0]})", f"sudo swapoff {swaps[0]}") if swaps else None


def _is_built_upon(drive: BlockDevice) -> Refusal | None:
    for device in drive.tree():
        for child in device.children:
            if child.kind != "part":
                what = _BUILT_OF.get(child.kind, child.kind)
                return Refusal(
                    "a drive that nothing is built of",
                    f"one that carries {child.path}, {what}, on {device.path}",
                    f"close {child.path} first, if it is not needed",
                )
        if device.filesystem in _MEMBERS:
            return Refusal(
                "a drive that nothing is built of",
                f"one with a member of {_MEMBERS[device.filesystem]} on {device.path}",
                f"if it is not needed any more: sudo wipefs --all {device.path}",
            )
    return None


def _is_mounted(drive: BlockDevice) -> Refusal | None:
    mounted = [(device.path, point) for device in drive.tree() for point in device.mount_points]
    if not mounted:
        return None
    path, point = mounted[0]
    hint = f"sudo umount {' '.join(shlex.quote(place) for _, place in mounted)}"
    return Refusal("a drive of which nothing is mounted", f"{path} mounted at {point}", hint)


def _is_empty(drive: BlockDevice) -> Refusal | None:
    if drive.size_bytes > 0:
        return None
    if drive.kind == "loop":
        return Refusal("a drive", "a loop device without a file")
    return Refusal("a drive with a medium", "an empty reader", "put the card in")


def _is_emmc(drive: BlockDevice) -> Refusal | None:
    if drive.transport != "mmc" or drive.card == "SD":
        return None
    what = "a boot partition of eMMC" if drive.name.endswith(_EMMC_PARTS) else "eMMC, which is soldered"
    return Refusal("an SD card or a USB drive", what, "flash a board's eMMC from another machine, over USB")


def _is_built_in(drive: BlockDevice) -> Refusal | None:
    if drive.kind == "loop" or drive.transport in _PORTABLE:
        return None
    if drive.is_removable and drive.transport not in _BUILT_IN:
        return None
    return Refusal("an SD card or a USB drive", f"a disk that is built in ({drive.transport or 'not removable'})")


def _is_loop_of_a_device(drive: BlockDevice) -> Refusal | None:
    if drive.kind == "loop" and (drive.backing_file.startswith("/dev/") or drive.backing_file.endswith(" (deleted)")):
        return Refusal("a loop device of an image file", f"one of {drive.backing_file}")
    return None


def _is_read_only(drive: BlockDevice) -> Refusal | None:
    if not drive.is_read_only:
        return None
    return Refusal("a drive that can be written", "one that is write-protected", "see the switch at the card's side")


_REASONS: tuple[Callable[[BlockDevice], Refusal | None], ...] = (
    _no_disk,
    _runs_this_system,
    _is_built_upon,
    _is_mounted,
    _is_empty,
    _is_emmc,
    _is_built_in,
    _is_loop_of_a_device,
    _is_read_only,
)
