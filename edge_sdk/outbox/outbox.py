"""The outbox as its users see it: rows are put by one thread or many, and reach the disk together.

`put` never waits for the disk while there is room in memory (1,000 rows, 4 MiB); a thread of ours commits. Where the
disk takes nothing, the oldest rows in memory go and are counted, and it is tried again each second.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.outbox import shelf
from edge_sdk.outbox.database import Database
from edge_sdk.outbox.record import Account, Batch, Limit, Mark

log = logging.getLogger(__name__)

_GROUP_ROWS = 100
_GROUP_S = 0.25
_MAX_ROWS = 1000
_MAX_BYTES = 4 << 20
_TRY_AGAIN_S = 1.0
_CLOSE_S = 10.0


class Outbox:
    """Rows of several streams; may be used from several threads, and from two processes by one opening each.

    Example:
        >>> with Outbox.open(Path("outbox.db"), {"results": Limit(64_000_000)}) as outbox:  # doctest: +SKIP
        ...     outbox.put("results", b'{"boxes": []}')
        ...     outbox.flush()
    """

    def __init__(self, database: Database, limits: Mapping[str, Limit]) -> None:
        """Take a file that is open; see `open`."""
        self._database, self._limits = database, dict(limits)
        self._changed = threading.Condition()
        self._waiting: deque[shelf.Row] = deque()
        self._waiting_bytes = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._committing = threading.Lock()
        self._not_before_ns = 0
        self._is_over = False
        self._thread: threading.Thread | None = None

    @classmethod
    def open(cls, path: Path, limits: Mapping[str, Limit]) -> Outbox:
        """Open an outbox, or begin one; a damaged file is moved aside (`PATH.damaged`).

        Nothing keeps its user from starting: where the disk refuses, rows wait in memory, and it is tried again.

        Args:
            path: Its file.
            limits: The streams that rows may be put into, and their room.
        """
        return cls(Database(path), limits)

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """The numbering in use: 16 hexadecimal digits.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        with self._database.look() as connection:
            return str(connection.execute("SELECT value FROM fact WHERE name = 'log'").fetchone()[0])

    @property
    def damaged(self) -> int:
        """How often a damaged file was moved aside since this was opened."""
        return self._database.damaged

    def put(self, stream: str, row: bytes) -> None:
        """Take a row; it is on the disk in a quarter of a second, or when `flush` returns.

        Raises:
            InputError: There is no such stream, or the row is too large, which is counted.
        """
        limit = self._limits.get(stream)
        if limit is None:
            raise InputError(f"stream: expected one of {', '.join(sorted(self._limits))}, got {stream[:40]!r}")
        with self._changed:
            if len(row) > limit.largest_row_bytes:
                self._counts[stream, "oversize"] += 1
                raise InputError(f"{stream}: expected at most {limit.largest_row_bytes} bytes, got {len(row)}")
            self._start()
            self._waiting.append((stream, row))
            self._waiting_bytes += len(row)
            if len(self._waiting) in {1, _GROUP_ROWS}:
                self._changed.notify()
            is_full = len(self._waiting) >= _MAX_ROWS or self._waiting_bytes >= _MAX_BYTES
        if is_full:
            self._make_room()

    def flush(self) -> None:
        """Have all that was put on the disk when this returns.

        Raises:
            UnavailableError: The disk takes nothing; rows wait in memory, as many as there is room for.
        """
        with self._committing:
            with self._changed:
                rows, counts = list(self._waiting), self._counts
                self._waiting.clear()
                self._waiting_bytes, self._counts = 0, Counter()
            if not rows and not counts:
                return
            try:
                with self._database.change() as connection:
                    shelf.add(connection, rows, self._limits)
                    for (stream, counter), number in counts.items():
                        shelf.count(connection, stream, **{counter: number})
            except UnavailableError:
                self._take_back(rows, counts)
                raise

    def batch(self, stream: str, *, after: Mark | None = None, max_rows: int, max_bytes: int) -> Batch | None:
        """Return the oldest rows that are on the disk; None if there are none.

        Args:
            stream: Which stream.
            after: Rows that follow this mark; None begins with the oldest row.
            max_rows: At most so many.
            max_bytes: At most so many bytes, with one more for each row; the first row comes whatever its size.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        with self._database.look() as connection:
            return shelf.read(connection, stream, after, (max_rows, max_bytes))

    def acknowledge(self, stream: str, upto: Mark) -> int:
        """Delete the rows of a log before a mark, which the fleet has; return how many.

        Raises:
            UnavailableError: The disk takes nothing; the rows are still here.
        """
        with self._database.look() as connection:
            if not shelf.holds(connection, stream, upto):
                return 0
        with self._database.change(is_lasting=False) as connection:  # undone, it is acknowledged once more
            number = shelf.forget(connection, stream, upto)
        self._database.give_back_pages()
        return number

    def set_aside(self, stream: str, at: Mark, reason: str) -> bool:
        """Put the row at a mark where it holds up nothing, and count it; return whether it was there.

        Raises:
            UnavailableError: The disk takes nothing.
        """
        with self._database.change() as connection:
            return shelf.set_aside(connection, stream, at, reason)

    def accounts(self) -> dict[str, Account]:
        """Return how each stream stands on the disk.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        with self._database.look() as connection:
            return {stream: Account() for stream in self._limits} | shelf.accounts(connection)

    def close(self) -> None:
        """Write what waits, and end; closing twice is harmless. What the disk does not take is lost, and logged."""
        with self._changed:
            is_first, self._is_over = not self._is_over, True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        if is_first:
            try:
                self.flush()
            except UnavailableError as exc:
                log.warning("%s: %d rows are lost", exc, len(self._waiting))
            self._database.close()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Write what waits, a quarter of a second after its first row or when there are a hundred."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._waiting)
                self._changed.wait_for(lambda: self._is_over or len(self._waiting) >= _GROUP_ROWS, _GROUP_S)
                if self._is_over:
                    return
            try:
                self.flush()
            except UnavailableError as exc:
                log.warning("%s", exc)
                with self._changed:
                    self._changed.wait_for(lambda: self._is_over, _TRY_AGAIN_S)

    def _make_room(self) -> None:
        """Write what waits, or let the oldest go where that was in vain a moment ago."""
        if monotonic_ns() >= self._not_before_ns:
            with suppress(UnavailableError):
                self.flush()
                return
        with self._changed:
            self._trim()

    def _take_back(self, rows: list[shelf.Row], counts: Counter[tuple[str, str]]) -> None:
        with self._changed:
            self._not_before_ns = monotonic_ns() + int(_TRY_AGAIN_S * 1e9)
            self._waiting.extendleft(reversed(rows))
            self._waiting_bytes += sum(len(row) for _, row in rows)
            self._counts.update(counts)
            self._trim()

    def _trim(self) -> None:
        """Let the oldest rows in memory go until the rest fits."""
        while len(self._waiting) > _MAX_ROWS or self._waiting_bytes > _MAX_BYTES:
            stream, row = self._waiting.popleft()
            self._waiting_bytes -= len(row)
            self._counts[stream, "unwritten"] += 1
