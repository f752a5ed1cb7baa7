"""A target made ready, and the kit put there: an image file, a drive, a boot partition.

- Making ready changes nothing that anybody has: an image is unpacked into a file of our own, and what is found there
  decides whether and how it is customised. A drive that is to be overwritten is named and judged before that.
- A drive is written from the customised image, in one go, and read back whole.
- A new image file appears under its name when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.clock import monotonic_ns
from edge_sdk.flash.advance import Advance, estimate
from edge_sdk.flash.drives import Drive, require_drive
from edge_sdk.flash.image import (
    Survey,
    customise,
    customise_folder,
    customise_in_place,
    survey,
    survey_folder,
    unpack_image,
)
from edge_sdk.flash.kit import Parcel
from edge_sdk.flash.pieces import pieces_of
from edge_sdk.flash.target import Target
from edge_sdk.flash.write import held, write_drive


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told how it goes.

    Attributes:
        says: Called with what is being done.
        advances: Called with how far the bytes are.
    """

    says: Callable[[str], None] = lambda _: None
    advances: Callable[[Advance], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Ready:
    """A target that is ready.

    Attributes:
        target: The target.
        survey: What its system is.
        place: What is customised: an image file, a drive or a folder.
        drive: The drive; None for another target.
    """

    target: Target
    survey: Survey
    place: Path
    drive: Drive | None = None

    @property
    def image_bytes(self) -> int:
        """Size of the image that is written; 0 if none is."""
        return self.place.stat().st_size if self.target.image else 0

    @property
    def estimate_s(self) -> float:
        """How long writing and reading back take, about; 0 without a drive to write."""
        if self.drive is None or self.target.image is None:
            return 0.0
        takes = estimate(self.drive.transport, self.image_bytes)
        return takes.write_s + takes.verify_s

    @property
    def steps(self) -> tuple[str, ...]:
        """What putting the kit there does."""
        to = self.target.name
        if self.target.image is None:
            on = "a copy of it, which then takes its place" if self.target.kind == "image" else "it as it is"
            return (f"put the kit and its hook into {to}, on {on}", "read all of it back")
        customised = f"put the kit and its hook into the image, {self.image_bytes} bytes"
        if self.drive is None:
            return (customised, "read it back", f"give it the name {to}")
        lost = self.drive.holds
        overwritten = f"OVERWRITE {to}, {self.drive.title}: all that is on it is lost" + (f" ({lost})" if lost else "")
        return (customised, overwritten, f"read {to} back")

    def put(self, parcel: Parcel, ears: Ears) -> None:
        """Put a kit there.

        Raises:
            InputError: It has changed since, or settings that are there do not go with the hook.
            UnavailableError: There is too little room, it cannot be written, or a program is not installed.
            TrustError: What was read back is not what was written.
            KeyboardInterrupt: It was interrupted; the text says what has become of a drive.
        """
        if self.target.kind == "boot partition":
            customise_folder(self.place, parcel, ears.says)
        elif self.target.image is None and self.drive is not None:
            with held(self.drive):  # nothing mounts it, and it is still the one of the plan
                customise_in_place(self.place, self.survey, parcel, ears.says)
        elif self.target.image is None:
            customise(self.place, self.survey, parcel, ears.says)
        else:
            customise_in_place(self.place, self.survey, parcel, ears.says)
            if self.drive is None:
                files.move(self.place, self.target.path)
            else:
                write_drive(self.drive, pieces_of(self.place), size_bytes=self.image_bytes, tell=ears.advances)


@contextmanager
def made_ready(
    target: Target, cache: Path, ears: Ears, *, sha256: str = "", needed: tuple[Path, ...] = ()
) -> Iterator[Ready]:
    """Make a target ready for a kit; what was unpacked is gone afterwards.

    Args:
        target: A drive, an image or a boot partition.
        cache: Where the image for a drive is unpacked.
        ears: Who is told how it goes.
        sha256: What the image of the system must have; empty for none.
        needed: Files that are needed, which lie on no drive that is overwritten.

    Raises:
        InputError: The drive may not be written, the image is damaged, or it takes no customisation that is known.
        TrustError: The image has another digest.
        UnavailableError: The disk is full, or a program is not installed.
    """
    if target.kind == "boot partition":
        yield Ready(target, survey_folder(target.path), target.path)
        return
    is_drive, image = target.kind == "drive", target.image
    drive = require_drive(target.name, 0, holding=(*needed, *((image,) if image else ()))) if is_drive else None
    if image is None:
        yield Ready(target, survey(target.path), target.path, drive)
        return
    with unpacked(image, _beside(target, cache), ears, sha256=sha256) as place:
        if drive is not None:
            drive = require_drive(target.name, place.stat().st_size, holding=(*needed, image, place))
        yield Ready(target, survey(place), place, drive)


@contextmanager
def unpacked(image: Path, place: Path, ears: Ears, *, sha256: str = "") -> Iterator[Path]:
    """Unpack an image into a file that is gone afterwards, unless it was given another name.

    Args:
        image: The image.
        place: The file.
        ears: Who is told how it goes.
        sha256: What the image must have; empty for none.

    Raises:
        InputError: It is damaged, or packed with something else.
        TrustError: It has another digest.
        UnavailableError: The disk is full.
    """
    ears.says(f"unpacking {image.name}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # of a command that was killed
    except OSError as exc:
        raise files.unwritable(place, exc) from exc
    began_ns = monotonic_ns()
    unpack_image(
        image,
        place,
        lambda done, size: ears.advances(Advance("unpack", done, size, (monotonic_ns() - began_ns) / 1e9)),
        sha256=sha256,
    )
    try:
        yield place
    finally:
        with suppress(OSError):
            place.unlink(missing_ok=True)


def _beside(target: Target, cache: Path) -> Path:
    """Return where the image is unpacked: where it is to stay, or in a cache for a drive."""
    if target.kind == "image":
        return target.path.with_name(f".{target.path.name}.part")
    return cache / f"{target.path.name}-{os.getpid()}.img"
