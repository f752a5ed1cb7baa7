"""What every source of a repository's files can do; none of them is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Source(Protocol):
    """A place with the files of a repository, `metadata/…` and `targets/…`."""

    def read(self, file: str, *, max_bytes: int) -> bytes | None:
        """Return a small file; None if the source says that there is no such file.

        Raises:
            UnavailableError: The source is not there, gives no answer, or gives more than `max_bytes`.
        """

    def stream(self, file: str, *, size_bytes: int, first_block: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file as they come, each with its index; every one of the run once.

        Args:
            file: Which file.
            size_bytes: How large it should be; no more is taken.
            first_block: Index of the first block wanted.
            count: How many.

        Raises:
            UnavailableError: The source is not there, breaks off, or has no such file.
        """


def block_length(index: int, *, size_bytes: int, block_bytes: int) -> int:
    """Return the size of a block of a file, in bytes."""
    return min(block_bytes, size_bytes - index * block_bytes)
