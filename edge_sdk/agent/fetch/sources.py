"""Several sources, the first that is there: a server near by, then another, then the broker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_sdk.agent.fetch.source import Source
from edge_sdk.errors import InputError, UnavailableError

_METADATA = "metadata/"


class FirstOf:
    """Asks one source after the other.

    Of metadata, the word of the first that answers counts, `there is none` too. A target is what its digest says: any
    source may have it that another, older one lacks.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        """Take the sources, the one to ask first in front.

        Raises:
            InputError: There are none.
        """
        if not sources:
            raise InputError("sources: expected at least one, got none")
        self._sources = tuple(sources)

    def read(self, file: str, *, max_bytes: int) -> bytes | None:
        """Return a small file; None if there is no such file.

        Raises:
            UnavailableError: No source is there; told as the last one told it.
        """
        is_missing = False
        for source in self._sources:
            try:
                found = source.read(file, max_bytes=max_bytes)
            except UnavailableError:
                if source is self._sources[-1] and not is_missing:
                    raise
                continue
            if found is not None or file.startswith(_METADATA):
                return found
            is_missing = True
        return None

    def stream(self, file: str, *, size_bytes: int, first_block: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks of a file; where a source breaks off, the next one goes on with those that did not come.

        Raises:
            UnavailableError: The last source broke off as well.
        """
        due = set(range(first_block, first_block + count))
        for source in self._sources:
            try:
                for _ in range(count):
                    if not due:
                        return
                    first = min(due)
                    for index, data in source.stream(file, size_bytes=size_bytes, first_block=first, count=_run(due)):
                        due.discard(index)
                        yield index, data
            except UnavailableError:
                if source is self._sources[-1]:
                    raise


def _run(due: set[int]) -> int:
    """Return how many consecutive blocks are due, from the least on."""
    first = min(due)
    count = 1
    while first + count in due:
        count += 1
    return count
