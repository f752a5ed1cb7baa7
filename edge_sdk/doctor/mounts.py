"""Which file system a place is on, by `/proc/self/mounts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system.

    Attributes:
        device: What it is on, such as `/dev/mmcblk0p2`.
        folder: Where it is.
        kind: Such as `ext4` or `tmpfs`.
        is_read_only: Whether nothing can be written to it.
    """

    device: str
    folder: Path
    kind: str
    is_read_only: bool


def read_mounts(root: Path) -> tuple[Mount, ...]:
    """Return what is mounted, in the order of mounting; nothing where the kernel does not tell."""
    path = root / "proc/self/mounts"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    words = (line.split() for line in lines)
    return tuple(
        Mount(device, Path(_plain(folder)), kind, "ro" in options.split(","))
        for device, folder, kind, options, *_ in words
    )


def mount_of(place: Path, mounts: Sequence[Mount]) -> Mount | None:
    """Return the file system that a place is on; of several at one folder the last one, which hides the others."""
    holding = [mount for mount in mounts if place.is_relative_to(mount.folder)]
    deepest = max((len(mount.folder.parts) for mount in holding), default=0)
    return next((mount for mount in reversed(holding) if len(mount.folder.parts) == deepest), None)


def _plain(text: str) -> str:
    """Undo how spaces, tabs, line ends and backslashes are written there (proc(5))."""
    for octal, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, letter)
    return text
