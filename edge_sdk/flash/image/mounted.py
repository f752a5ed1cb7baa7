"""A boot partition that the system has mounted, Linux or macOS: plain files, written beside their places, synced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.flash.image.tool import Content


@dataclass(frozen=True, slots=True)
class MountedFolder:
    """Files in a mounted folder; a `Volume`.

    Attributes:
        folder: Where it is mounted.
    """

    folder: Path

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def names(self, folder: str = "") -> frozenset[str]:
        """Return the names in a folder, in lower case; none if there is no such folder.

        Raises:
            InputError: The folder cannot be read.
        """
        place = self.folder / folder
        if folder and not place.is_dir():
            return frozenset()
        try:
            return frozenset(path.name.lower() for path in place.iterdir())
        except OSError as exc:
            raise files.unreadable(place, exc) from exc

    def read(self, name: str, *, most_bytes: int) -> bytes | None:
        """Return a file, or None if there is none."""
        place = self.folder / name
        return files.read_bytes(place, max_bytes=most_bytes) if place.is_file() else None

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file as it is there; empty if there is none."""
        place = self.folder / name
        if not place.is_file():
            return ""
        if hasattr(os, "posix_fadvise"):  # from the medium rather than from memory
            with place.open("rb") as file, suppress(OSError):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return files.sha256_of_file(place)

    def write(self, contents: Mapping[str, Content], *, private: Collection[str] = ()) -> None:
        """Write files, over those that are there, with their folders."""
        for name, content in contents.items():
            with files.write_atomic(self.folder / name, is_private=name in private) as into:
                if isinstance(content, bytes):
                    into.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, into, 1 << 20)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; nothing if there is none."""
        place = self.folder / name
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as exc:
            raise files.unwritable(place, exc) from exc

    def size_bytes(self, name: str) -> int:
        """Return how much a file or folder takes there; 0 if there is none."""
        place = self.folder / name
        inner = place.rglob("*") if place.is_dir() else (place,)
        return sum(path.stat().st_size for path in inner if path.is_file())

    def free_bytes(self) -> int:
        """Return how much is free."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def cluster_bytes(self) -> int:
        """Return in what pieces it gives room away."""
        return os.statvfs(self.folder).f_frsize
