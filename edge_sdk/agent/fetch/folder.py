"""A repository in a folder: a USB stick, a share; for boards that no network reaches. It is not trusted either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire.blocks import BLOCK_BYTES, check_file


class FolderSource:
    """A folder with `metadata` and `targets` in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, file: str, *, max_bytes: int) -> bytes | None:
        """Return a small file; None if there is no such file.

        Raises:
            UnavailableError: The folder is not there, or the file is larger than `max_bytes`.
        """
        path = self._path(file)
        if path is None:
            return None
        try:
            return files.read_bytes(path, max_bytes=max_bytes)
        except InputError as exc:
            raise UnavailableError(str(exc)) from exc

    def stream(self, file: str, *, size_bytes: int, first_block: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file, in their order.

        Raises:
            UnavailableError: The folder or the file is not there, or cannot be read to its end.
        """
        path = self._path(file)
        if path is None:
            raise UnavailableError(f"{self._folder}: expected {file}, got nothing")
        try:
            with path.open("rb") as opened:
                opened.seek(first_block * BLOCK_BYTES)
                for index in range(first_block, first_block + count):
                    yield index, opened.read(BLOCK_BYTES)
        except OSError as exc:
            raise UnavailableError(f"{path}: expected a readable file, got {exc.strerror}") from exc

    def _path(self, file: str) -> Path | None:
        check_file(file)
        if not (self._folder / "metadata").is_dir():
            raise UnavailableError(f"{self._folder}: expected a repository, got no folder 'metadata'")
        path = self._folder / file
        return path if path.is_file() else None
