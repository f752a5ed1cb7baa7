"""What customisation needs of a place with files: a FAT partition, an ext4 root, a mounted folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from edge_sdk.flash.image.tool import Content


class Volume(Protocol):
    """Files by name, with `/` between folders and none before; names of a FAT are found in any case."""

    @property
    def where(self) -> str:
        """What a message about it starts with."""

    def names(self, folder: str = "") -> frozenset[str]:
        """Return the names in a folder, in lower case where case says nothing; none if there is no such folder.

        Raises:
            InputError: The file system is damaged.
        """

    def read(self, name: str, *, most_bytes: int) -> bytes | None:
        """Return a file, or None if there is none.

        Raises:
            InputError: It is larger than `most_bytes`.
        """

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file as it is there, in hexadecimal; empty if there is none."""

    def write(self, contents: Mapping[str, Content], *, private: Collection[str] = ()) -> None:
        """Write files, over those that are there, with their folders.

        Args:
            contents: The files.
            private: Names of those that only root shall read, where the file system can tell.

        Raises:
            UnavailableError: It cannot be written, or is full.
        """

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; nothing if there is none.

        Raises:
            UnavailableError: It cannot be written.
        """

    def size_bytes(self, name: str) -> int:
        """Return about how much a file or folder takes there; 0 if there is none."""

    def free_bytes(self) -> int:
        """Return how much is free."""

    def cluster_bytes(self) -> int:
        """Return in what pieces it gives room away."""
