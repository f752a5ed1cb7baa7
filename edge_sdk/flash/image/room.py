"""Whether a kit fits, told by the survey, before anything is written.

- Where the kit goes: its files in whole clusters; an older kit is counted as free, since it goes first.
- In the root, where installing takes room: a root that grows when the system first starts may be too small yet; one
  that does not, or that cannot grow enough on the drive that it is on, is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.image.survey import Survey
from edge_sdk.flash.kit import Parcel

_SPARE_BYTES = 256 << 10
"""For the hook, for folders, and for the status that the board writes."""


def require_room(
    found: Survey, parcel: Parcel, *, where: str, drive_bytes: int = 0, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Check that a kit fits where it goes, and that installing it fits into the root.

    Args:
        found: What the system is.
        parcel: The kit.
        where: What starts a message.
        drive_bytes: Size of the drive that the system is on, or will be; 0 if that is not known.
        tell: Called if the root must grow first.

    Raises:
        UnavailableError: It does not, and will not.
    """
    takes = _takes(parcel, max(1, found.cluster_bytes))
    if takes > found.free_bytes:
        raise UnavailableError(
            f"{where}: expected {takes} bytes free for the kit, got {found.free_bytes}",
            hint="free some space there, or take an image with a larger boot partition",
        )
    if found.root is None:
        return
    is_in_root = found.format == "systemd-root"
    needed = parcel.kit.needs_bytes + (takes if is_in_root else 0)
    free = found.free_bytes if is_in_root else found.root_free_bytes
    if needed <= free:
        return
    grows_to = free + (max(0, drive_bytes - found.root.end_bytes) if found.root_grows else 0)
    if found.root_grows and not drive_bytes:
        tell(
            f"the root has {free} bytes free and {needed} are needed: it grows when it first starts, on a larger drive"
        )
    elif needed > grows_to:
        raise UnavailableError(
            f"{where}, root: expected {needed} bytes free to install, got {grows_to}",
            hint="take a larger drive" if found.root_grows else "take an image with a larger root",
        )


def _takes(parcel: Parcel, cluster_bytes: int) -> int:
    sizes = [
        *(file.size_bytes for file in parcel.kit.files),
        *(len(data) for data in parcel.secrets.values()),
        len(parcel.kit.to_json()),
    ]
    return sum(-(-size // cluster_bytes) * cluster_bytes for size in sizes) + _SPARE_BYTES
