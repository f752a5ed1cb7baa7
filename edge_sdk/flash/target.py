"""What TARGET of `edge-sdk flash` is, told by what is there: nothing is opened for writing to find out.

- `ssh://user@host` is a board that runs.
- Whatever is a device, or is named below `/dev`, is a drive; `edge_sdk.flash.drives` says whether it may be written.
- A folder is a boot partition that is mounted.
- A file is an image; one that is not there becomes one, where an image to make it from is given.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk.errors import InputError

TargetKind = Literal["ssh", "drive", "boot partition", "image"]
_SSH = "ssh://"
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a board's kit goes.

    Attributes:
        name: As it was given.
        kind: What it is.
        image: The image of a system that it is written from; None if it has one.
    """

    name: str
    kind: TargetKind
    image: Path | None = None

    @property
    def path(self) -> Path:
        """Its path; of no meaning for a board over SSH."""
        return Path(self.name)


def find_target(name: str, image: Path | None = None) -> Target:
    """Tell what a target is.

    Args:
        name: As it was given.
        image: The image of a system that it is to be written from.

    Raises:
        InputError: It is nothing that can be flashed, or not with an image.

    Example:
        >>> find_target("ssh://pi@press-4").kind
        'ssh'
    """
    target = Target(name, _kind(name, image), image)
    if image is not None and target.kind in ("ssh", "boot partition"):
        raise InputError(
            f"--image: expected a drive or an image file to write it to, got {_SAID[target.kind]}",
            hint="leave --image out: the system that is there is kept",
        )
    if image is not None and not image.is_file():
        raise InputError(f"{image}: expected the image of a system, got {'a folder' if image.is_dir() else 'nothing'}")
    if image is not None and target.kind == "image" and target.path.exists():
        raise InputError(
            f"{name}: expected a new file for the image, got one that is there already",
            hint="name another file, or delete it; without --image the image that is there is customised",
        )
    return target


_SAID: dict[TargetKind, str] = {"ssh": "a board that runs", "boot partition": "a folder"}


def _kind(name: str, image: Path | None) -> TargetKind:
    if name.startswith(_SSH):
        return "ssh"
    path = Path(name)
    if path.resolve().is_relative_to(_DEVICES) or path.is_block_device() or path.is_char_device():
        return "drive"
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = 0
    if name and stat.S_ISDIR(mode):
        return "boot partition"
    if stat.S_ISREG(mode) or (name and mode == 0 and image is not None):
        return "image"
    got = "something else" if mode else "nothing there"
    raise InputError(
        f"{name or 'TARGET'}: expected a drive, an image file, a boot partition or ssh://USER@HOST, got {got}",
        hint="edge-sdk flash --list shows drives; --image FILE makes a new image file",
    )
