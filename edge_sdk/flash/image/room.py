"""Whether a kit fits, asked before anything is written.

- Where the kit goes: its files in whole clusters, an older kit counted as free, since it goes first.
- In the root, where installing takes room: a root that grows when the system first starts may be too small yet; one
  that does not, or that cannot grow enough on the drive that it is on, is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.image.survey import Survey
from edge_sdk.flash.image.volume import Volume
from edge_sdk.flash.kit import Parcel

_SPARE_BYTES = 256 << 10
"""For the hook, for folders, and for the status that the board writes."""


def require_room(volume: Volume, kit_folder: str, parcel: Parcel) -> int:
    """Check that a kit fits where it goes.

    Returns:
        What it takes there.

    Raises:
        UnavailableError: It does not.
    """
    cluster = max(1, volume.cluster_bytes())
    sizes = [
        *(file.size_bytes for file in parcel.kit.files),
        *(len(data) for data in parcel.secrets.values()),
        len(parcel.kit.to_json()),
    ]
    takes = sum(-(-size // cluster) * cluster for size in sizes) + _SPARE_BYTES
    free = volume.free_bytes() + volume.size_bytes(kit_folder)
    if takes > free:
        raise UnavailableError(
            f"{volume.where}: expected {takes} bytes free for the kit, got {free}",
            hint="free some space there, or take an image with a larger boot partition",
        )
    return takes


def require_root_room(
    disk: Path, found: Survey, parcel: Parcel, *, beside_bytes: int, tell: Callable[[str], None]
) -> None:
    """Check that installing fits into the root.

    Args:
        disk: The image file or block device.
        found: What it is.
        parcel: The kit.
        beside_bytes: What the kit itself takes in the root.
        tell: Called if the root must grow first.

    Raises:
        UnavailableError: It does not, and will not.
    """
    needed = parcel.kit.needs_bytes + beside_bytes
    if found.root is None or needed <= found.root_free_bytes:
        return
    where = f"{disk}, root"
    if not found.root_grows:
        raise UnavailableError(f"{where}: expected {needed} bytes free to install, got {found.root_free_bytes}")
    if not disk.is_block_device():
        tell(
            f"{where}: {needed} bytes are needed and {found.root_free_bytes} free: "
            "it grows when it first starts, if the drive is larger"
        )
        return
    with disk.open("rb") as device:
        grows_to = found.root_free_bytes + device.seek(0, os.SEEK_END) - found.root.end_bytes
    if needed > grows_to:
        raise UnavailableError(
            f"{where}: expected {needed} bytes free to install, got {grows_to} at most on this drive",
            hint="take a larger drive",
        )
