"""Fetches a package in blocks, each checked against the signed list when it comes; goes on where it broke off.

- `<sha256>.part` is its own record: on going on, each block that is there is hashed, and those that are right are not
  fetched again. Nothing else has to survive a power cut, and no torn block passes.
- Free space is checked before the first byte. The finished file is hashed whole, synced and renamed.
- A source that gives wrong blocks is given up after a few.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent.fetch.source import Source, block_length
from edge_sdk.errors import TrustError, UnavailableError
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import PackageTarget

Progress = Callable[[int, int], None]
"""Is told how many bytes are here and verified, and of how many."""
_DIGEST_BYTES = 32
_MARGIN_BYTES = 1 << 20
_DISK_BLOCK_BYTES = 512  # of st_blocks
_MAX_WRONG = 8


def download(source: Source, package: PackageTarget, into: Path, *, progress: Progress | None = None) -> Path:
    """Fetch a package.

    Args:
        source: Where from; not trusted.
        package: What it must be.
        into: Folder of the downloads.
        progress: Is told how many bytes are here and verified, and of how many.

    Returns:
        Path of the package: `<sha256>.edge`, whole, verified and on the disk.

    Raises:
        TrustError: The source gives something else than was signed.
        UnavailableError: The source is not there or broke off, or there is no room.
    """
    done = into / f"{package.sha256}.edge"
    if done.is_file() and files.sha256_of_file(done) == package.sha256:
        return done
    hashes = _hashes(source, package)
    part = into / f"{package.sha256}.part"
    try:
        into.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:  # not "a": that would append
            here_bytes = os.fstat(file.fileno()).st_blocks * _DISK_BLOCK_BYTES
            files.require_free_space(into, package.size_bytes - here_bytes + _MARGIN_BYTES)
            _Part(file.fileno(), package, hashes, progress).fill(source)
        if files.sha256_of_file(part) != package.sha256:
            part.unlink()
            raise TrustError(f"{package.target}: expected SHA-256 {package.sha256}, got another with blocks that fit")
        files.move(part, done)
    except OSError as exc:
        raise files.unwritable(part, exc) from exc
    return done


def _hashes(source: Source, package: PackageTarget) -> list[bytes]:
    """Fetch the signed list of the digests of the blocks."""
    count = -(-package.size_bytes // BLOCK_BYTES)
    data = source.read(package.blocks_file, max_bytes=count * _DIGEST_BYTES)
    if data is None:
        raise UnavailableError(f"{package.blocks}: expected it in the repository, got nothing")
    if files.sha256_hex(data) != package.blocks_sha256 or len(data) != count * _DIGEST_BYTES:
        raise TrustError(f"{package.blocks}: expected the digests of {count} blocks as they were signed, got others")
    return [data[at : at + _DIGEST_BYTES] for at in range(0, len(data), _DIGEST_BYTES)]


class _Part:
    """What is here of a package so far."""

    def __init__(self, file: int, package: PackageTarget, hashes: list[bytes], progress: Progress | None) -> None:
        self._file, self._package, self._hashes, self._progress = file, package, hashes, progress
        self._missing = {index for index in range(len(hashes)) if not self._is_right(index, self._read(index))}
        self._done_bytes = package.size_bytes - sum(self._length(index) for index in self._missing)
        self._wrong = 0

    def fill(self, source: Source) -> None:
        """Fetch what is missing."""
        os.truncate(self._file, self._package.size_bytes)
        self._tell()
        while self._missing:
            before = len(self._missing)
            for first, count in _runs(sorted(self._missing)):
                for index, data in source.stream(
                    self._package.file, size_bytes=self._package.size_bytes, first_block=first, count=count
                ):
                    self._take(index, data)
            if len(self._missing) == before:
                raise self._other_blocks()
        os.fsync(self._file)

    def _take(self, index: int, data: bytes) -> None:
        if index not in self._missing:
            return
        if not self._is_right(index, data):
            self._wrong += 1
            if self._wrong == _MAX_WRONG:
                raise self._other_blocks()
            return
        offset = index * BLOCK_BYTES
        while data:
            written = os.pwrite(self._file, data, offset)
            data, offset = data[written:], offset + written
        self._missing.discard(index)
        self._done_bytes += self._length(index)
        self._tell()

    def _other_blocks(self) -> TrustError:
        return TrustError(f"{self._package.target}: expected blocks as they were signed, got {self._wrong} others")

    def _is_right(self, index: int, data: bytes) -> bool:
        return len(data) == self._length(index) and hashlib.sha256(data).digest() == self._hashes[index]

    def _read(self, index: int) -> bytes:
        return os.pread(self._file, self._length(index), index * BLOCK_BYTES)

    def _length(self, index: int) -> int:
        return block_length(index, size_bytes=self._package.size_bytes, block_bytes=BLOCK_BYTES)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done_bytes, self._package.size_bytes)


def _runs(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of consecutive numbers: the first, and how many."""
    start = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or indices[at] != indices[at - 1] + 1:
            yield indices[start], at - start
            start = at
