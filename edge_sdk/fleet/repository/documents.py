"""Metadata as files: the versions of each role, what waits for signatures, and in which order they become public.

- A version is written once and never changed; `timestamp.json` alone is written over, and last: with it, all is public.
- What lacks signatures waits in `pending/ROLE.json`; it can be signed on another machine and brought back.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, T, Targets, Timestamp

from edge_sdk import files
from edge_sdk.errors import InputError

_MAX_BYTES = 5_000_000
_KEPT_VERSIONS = 16
"""Of what is signed often: boards that began a refresh before the last one still find what it names."""


class Documents:
    """The folders `metadata` and `pending` of a repository."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._pending = folder / "metadata", folder / "pending"

    def version(self, role: str) -> int:
        """Return the newest version of a role that was published; 0 if none was."""
        if role == "timestamp":
            path = self._path(role, 0)
            return self._read(path, Timestamp).signed.version if path.exists() else 0
        return max(self._versions(role), default=0)

    def read(self, role: str, kind: type[T], *, version: int = 0) -> Metadata[T]:
        """Return a version of a role that was published; the newest without a number.

        Raises:
            InputError: There is none, or it cannot be read.
        """
        return self._read(self._path(role, version or self.version(role)), kind)

    def publish(self, role: str, document: Metadata[Any]) -> None:
        """Write a version of a role, and forget what waited.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        files.write_bytes(self._path(role, document.signed.version), document.to_bytes())
        self.withdraw(role)
        if role not in {"root", "targets", "timestamp"}:
            for version in sorted(self._versions(role))[:-_KEPT_VERSIONS]:
                self._path(role, version).unlink()

    def wait(self, role: str, document: Metadata[Any]) -> Path:
        """Write a version of a role that lacks signatures, and return where it waits.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        path = self._pending / f"{role}.json"
        files.write_bytes(path, document.to_bytes())
        return path

    def waiting(self, role: str) -> Metadata[Any] | None:
        """Return the version of a role that lacks signatures; None if there is none.

        Raises:
            InputError: It cannot be read.
        """
        path = self._pending / f"{role}.json"
        if not path.exists():
            return None
        return self._read(path, Root) if role == "root" else self._read(path, Targets)

    def withdraw(self, role: str) -> None:
        """Forget the version of a role that lacks signatures."""
        with suppress(FileNotFoundError):
            (self._pending / f"{role}.json").unlink()

    def _path(self, role: str, version: int) -> Path:
        return self._folder / ("timestamp.json" if role == "timestamp" else f"{version}.{role}.json")

    def _versions(self, role: str) -> list[int]:
        names = (path.name.split(".") for path in self._folder.glob(f"*.{role}.json"))
        return [int(name[0]) for name in names if name[0].isdecimal() and name[1:] == [role, "json"]]

    def _read(self, path: Path, kind: type[T]) -> Metadata[T]:
        document = read_document(path)
        if not isinstance(document.signed, kind):
            raise InputError(f"{path}: expected metadata of {kind.type}, got {document.signed.type}")
        return document


def read_document(path: Path) -> Metadata[Any]:
    """Read metadata; signatures are not checked.

    Raises:
        InputError: They cannot be read.
    """
    try:
        return Metadata[Any].from_bytes(files.read_bytes(path, max_bytes=_MAX_BYTES))
    except RepositoryError as exc:
        raise InputError(f"{path}: expected TUF metadata, got {exc}") from exc
