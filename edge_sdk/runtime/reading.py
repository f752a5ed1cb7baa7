"""A thread that reads an opened source: until it ends, fails, is given up, or nothing more is wanted.

- A sample that cannot be read is counted and told, and the reading goes on.
- A gap in the numbers of a source is a sample that was lost before us, unless it was one that could not be read.
- The thread closes the source that it reads: nobody else may touch it while a read may still hang in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.accounting import Ledger
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources import Source

_UNREADABLE_IN_A_ROW = 30


class Owner(Protocol):
    """Who lets a source be read."""

    name: str

    def wants_more(self, reading: Reading) -> bool:
        """Whether the thread is to read on."""

    def take(self, sample: Sample, reading: Reading) -> None:
        """Take what the thread has read."""

    def over(self, reading: Reading, failure: Exception | None) -> None:
        """Take that the thread has ended, by itself or by a failure."""


class Reading(threading.Thread):
    """One thread on one opened source.

    Attributes:
        since_ns: When the read began that has not come back; None if none is under way.
        is_at_end: Whether the source has come to its end.
    """

    def __init__(self, owner: Owner, open_source: Callable[[], Source], *, ledger: Ledger, books: Books) -> None:
        super().__init__(name=f"source {owner.name}", daemon=True)
        self.since_ns: int | None = None
        self.is_at_end = False
        self._owner, self._open = owner, open_source
        self._ledger, self._books = ledger, books
        self._last_seq: int | None = None
        self._unreadable = 0

    def run(self) -> None:
        """Read; what ends it is told to the owner: a dead thread never hides."""
        failure = None
        try:
            self._read_all()
        except Exception as exc:  # noqa: BLE001  the owner opens the source anew, or raises it
            failure = exc
        self._owner.over(self, failure)

    def _read_all(self) -> None:
        source = self._open()
        try:
            while not self.is_at_end and self._owner.wants_more(self):
                self._read(source)
        finally:
            source.close()

    def _read(self, source: Source) -> None:
        start_ns = self.since_ns = monotonic_ns()
        try:
            sample = source.read()
        except InputError as exc:
            self._pass_over(exc, live=source.live)
            return
        finally:
            self.since_ns = None
        if sample is None:
            self.is_at_end = True
            return
        self._books.stages.add("read", (monotonic_ns() - start_ns) / 1e6)
        self._count_lost(sample.seq)
        self._owner.take(sample, self)

    def _pass_over(self, exc: InputError, *, live: bool) -> None:
        self._unreadable += 1
        self._ledger.skip("unreadable")
        self._books.failures.note(exc)
        if live and self._unreadable >= _UNREADABLE_IN_A_ROW:
            count = f"{self._unreadable} in a row that cannot be read"
            raise UnavailableError(f"{self._owner.name}: expected samples, got {count}") from exc

    def _count_lost(self, seq: int) -> None:
        lost = 0 if self._last_seq is None else seq - self._last_seq - 1 - self._unreadable
        if lost > 0:
            self._ledger.skip("lost", lost)
        self._last_seq, self._unreadable = seq, 0
