"""A kit and the hook that starts it, into an image file, a block device or a mounted boot partition.

- Room is checked before the first byte, and a drive that would be too small later as well.
- The older kit goes first and kit.json comes last: what is between is no kit, and a board leaves it alone.
- All that was written is read back and compared, on a device past the system's memory.
- An image file is customised on a copy beside it, which takes its place at the end: an error, a kill or a power
  cut leaves the image as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError, TrustError
from edge_sdk.flash.image.beside import copy_beside
from edge_sdk.flash.image.ext4 import Ext4Volume
from edge_sdk.flash.image.fat import FatVolume
from edge_sdk.flash.image.hooks import KIT_ON_BOOT, KIT_ON_ROOT, cloud_init_files, first_run_files, unit_files
from edge_sdk.flash.image.mounted import MountedFolder
from edge_sdk.flash.image.partitions import size_of
from edge_sdk.flash.image.room import require_room
from edge_sdk.flash.image.survey import Survey, survey_folder
from edge_sdk.flash.image.tool import Content
from edge_sdk.flash.image.volume import Volume
from edge_sdk.flash.kit import KIT_NAME, RECOVER_NAME, Parcel

Tell = Callable[[str], None]
_MOST_TEXT_BYTES = 1 << 20


def customise(disk: Path, found: Survey, parcel: Parcel, tell: Tell) -> None:
    """Put a kit into an image file, which is there as it was, or customised; or onto a block device.

    Args:
        disk: The image or device.
        found: What `survey` said of it.
        parcel: The kit.
        tell: Called with what is being done.

    Raises:
        InputError: The user's own settings do not go with the hook.
        UnavailableError: There is too little room, it cannot be written, or a program is not installed.
        TrustError: What was read back is not what was written.
    """
    kit_folder, hook = _prepare(disk, found, parcel, tell)
    if disk.is_block_device():
        _perform(disk, found, kit_folder, hook, parcel, tell)
        return
    with copy_beside(disk) as copy:
        _perform(copy, found, kit_folder, hook, parcel, tell)


def customise_in_place(disk: Path, found: Survey, parcel: Parcel, tell: Tell) -> None:
    """Put a kit onto a device, or into an image file that nobody misses if it fails: as `customise`, without a copy.

    Raises:
        InputError: The user's own settings do not go with the hook.
        UnavailableError: There is too little room, it cannot be written, or a program is not installed.
        TrustError: What was read back is not what was written.
    """
    kit_folder, hook = _prepare(disk, found, parcel, tell)
    _perform(disk, found, kit_folder, hook, parcel, tell)


def customise_folder(boot: Path, parcel: Parcel, tell: Tell) -> None:
    """Put a kit onto a boot partition that the system has mounted.

    Args:
        boot: Where it is mounted.
        parcel: The kit.
        tell: Called with what is being done.

    Raises:
        InputError: It takes no customisation that is known, or the user's own settings do not go with the hook.
        UnavailableError: There is too little room, or it cannot be written.
        TrustError: What was read back is not what was written.
    """
    found = survey_folder(boot)
    volume = _volume(boot, found)
    require_room(found, parcel, where=volume.where)
    hook = _hook(volume, found)
    _put(volume, KIT_ON_BOOT, hook, parcel, tell)
    _read_back(volume, KIT_ON_BOOT, hook, parcel, tell)


def request_recovery(place: Path, found: Survey) -> None:
    """Ask a board to go back to its factory model when it next starts from this.

    Args:
        place: An image file, a block device or a mounted boot partition.
        found: What it is.

    Raises:
        InputError: There is no kit.
        UnavailableError: It cannot be written, or a program is not installed.
        TrustError: It was written and is not there.
    """
    volume, kit_folder = _volume(place, found), _kit_folder(found)
    if KIT_NAME not in volume.names(kit_folder):
        raise InputError(
            f"{volume.where}: expected a kit in {kit_folder}, got none",
            hint="edge-sdk flash TARGET NAME.edge writes one",
        )
    volume.write({f"{kit_folder}/{RECOVER_NAME}": b""})
    if place.is_file() or place.is_block_device():
        _sync(place)
    if RECOVER_NAME not in volume.names(kit_folder):
        raise TrustError(f"{volume.where}: expected the request for recovery there, got none")


def _prepare(disk: Path, found: Survey, parcel: Parcel, tell: Tell) -> tuple[str, Mapping[str, bytes]]:
    """Return where the kit goes and what starts it, when it is sure that both can be written."""
    if disk.is_file():  # which has holes where the kit goes
        files.require_free_space(disk.parent, parcel.size_bytes)
    volume = _volume(disk, found)
    drive_bytes = size_of(disk) if disk.is_block_device() else 0
    require_room(found, parcel, where=volume.where, drive_bytes=drive_bytes, tell=tell)
    hook = _hook(volume, found)
    try:
        disk.open("rb+").close()
    except OSError as exc:
        raise files.unwritable(disk, exc) from exc
    return _kit_folder(found), hook


def _perform(disk: Path, found: Survey, kit_folder: str, hook: Mapping[str, bytes], parcel: Parcel, tell: Tell) -> None:
    volume = _volume(disk, found)
    _put(volume, kit_folder, hook, parcel, tell)
    _sync(disk)
    _read_back(volume, kit_folder, hook, parcel, tell)


def _volume(disk: Path, found: Survey) -> Volume:
    if disk.is_dir():
        return MountedFolder(disk)
    if found.format == "systemd-root" and found.root is not None:
        return Ext4Volume(disk, found.root)
    if found.boot is not None:
        return FatVolume(disk, found.boot)
    raise InputError(f"{disk}: expected the survey of a disk, got that of a folder")


def _kit_folder(found: Survey) -> str:
    return KIT_ON_ROOT if found.format == "systemd-root" else KIT_ON_BOOT


def _hook(volume: Volume, found: Survey) -> Mapping[str, bytes]:
    def read(name: str) -> bytes | None:
        return volume.read(name, most_bytes=_MOST_TEXT_BYTES)

    if found.format == "cloud-init":
        return cloud_init_files(read, where=volume.where)
    if found.format == "firstrun":
        return first_run_files(read, found.boot_folder, where=volume.where)
    return unit_files()


def _put(volume: Volume, kit_folder: str, hook: Mapping[str, bytes], parcel: Parcel, tell: Tell) -> None:
    tell(f"writing {parcel.size_bytes / 1e6:.1f} MB, and what starts it: {', '.join(sorted(hook))}")
    volume.remove(f"{kit_folder}/{KIT_NAME}")
    volume.remove(kit_folder)
    kit: dict[str, Content] = {f"{kit_folder}/{name}": content for name, content in parcel.contents.items()}
    secrets = {f"{kit_folder}/{name}": content for name, content in parcel.secrets.items()}
    volume.write({**kit, **secrets}, private=secrets.keys())
    volume.write(hook)
    volume.write({f"{kit_folder}/{KIT_NAME}": parcel.kit.to_json()})


def _read_back(volume: Volume, kit_folder: str, hook: Mapping[str, bytes], parcel: Parcel, tell: Tell) -> None:
    tell("reading it back")
    small = {**hook, f"{kit_folder}/{KIT_NAME}": parcel.kit.to_json()}
    small.update({f"{kit_folder}/{name}": content for name, content in parcel.secrets.items()})
    wanted = {f"{kit_folder}/{file.name}": file.sha256 for file in parcel.kit.files}
    wanted.update({name: files.sha256_hex(content) for name, content in small.items()})
    for name, sha256 in sorted(wanted.items()):
        got = volume.sha256(name)
        if got != sha256:
            raise TrustError(
                f"{volume.where}, {name}: expected SHA-256 {sha256}, got {got or 'no such file'}",
                hint="its source has changed since, or the drive is failing" if got else "",
            )


def _sync(disk: Path) -> None:
    """Have what was written reach the disk, and the next read come from it rather than from memory."""
    try:
        with disk.open("rb+") as file:
            os.fsync(file.fileno())
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as exc:
        raise files.unwritable(disk, exc) from exc
