"""What devices sent, in SQLite: each row once, by device, stream, log and number (docs/wire.md has the schema).

- Numbers of a line follow one another: a row beyond a gap is not kept before the gap is filled, or declared by its
  device. So one number says all that the device may forget, and what comes twice is known by it.
- It is on the disk when `take` returns, many batches by one sync; all of it, or nothing.
- A file that cannot be read is never begun anew by itself: devices keep what was not acknowledged meanwhile.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.errors import UnavailableError
from edge_sdk.fleet.sequence import follow
from edge_sdk.wire.messages import Batch

_BUSY_S = 10.0
_AT_ONCE = 5000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS line (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, stream TEXT NOT NULL, log TEXT NOT NULL,
    next_seq INTEGER NOT NULL, missing INTEGER NOT NULL, UNIQUE (device, stream, log)
) STRICT;
CREATE TABLE IF NOT EXISTS row (
    id INTEGER PRIMARY KEY AUTOINCREMENT, line INTEGER NOT NULL REFERENCES line, seq INTEGER NOT NULL,
    received_unix_s REAL NOT NULL, data TEXT NOT NULL, UNIQUE (line, seq)
) STRICT;
CREATE VIEW IF NOT EXISTS received AS
    SELECT row.id, device, stream, log, seq, received_unix_s, data FROM row JOIN line ON line.id = row.line;
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one batch.

    Attributes:
        next_seq: The number below which its device may forget all of this log.
        new: Rows that were not there before.
        repeated: Rows that were.
        missing: Rows that will never come, of their device's own word.
        early: Rows that were not kept, because others are to come before them.
    """

    next_seq: int
    new: int
    repeated: int
    missing: int
    early: int


@dataclass(frozen=True, slots=True)
class Account:
    """What there is of one stream of a device.

    Attributes:
        device: Whose it is.
        stream: Which one.
        received: Rows that came, those included that were forgotten since.
        missing: Rows that will never come, of the device's own word.
    """

    device: str
    stream: str
    received: int
    missing: int


@dataclass(frozen=True, slots=True)
class Latest:
    """The last row of a device.

    Attributes:
        device: Whose it is.
        received_unix_s: When it came.
        row: It, as JSON.
    """

    device: str
    received_unix_s: float
    row: str


class Store:
    """The database; may be used from several threads, and by several processes by one opening each.

    Example:
        >>> with Store(Path("results.db")) as store:  # doctest: +SKIP
        ...     store.take([("press-4", batch)], now_s=time.time())
    """

    def __init__(self, path: Path) -> None:
        """Open it, or begin a new one.

        Raises:
            UnavailableError: The disk is full, the folder cannot be written, or the file is none of ours.
        """
        self._path, self._turn = path, threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
            for setting in ("auto_vacuum = INCREMENTAL", "journal_mode = WAL", "journal_size_limit = 4194304"):
                self._database.execute(f"PRAGMA {setting}")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as exc:
            raise self._failed(exc) from exc

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, batches: Sequence[tuple[str, Batch]], *, now_s: float) -> tuple[Taken, ...]:
        """Keep the rows of batches that are not there yet; they are on the disk when this returns.

        Args:
            batches: Device and batch, in the order in which they came.
            now_s: Unix time.

        Returns:
            What came of each.

        Raises:
            UnavailableError: The disk is full or cannot be written; nothing has changed.
        """
        with self._change() as database:
            return tuple(_take(database, device, batch, now_s) for device, batch in batches)

    def next_seq(self, device: str, log: str) -> dict[str, int]:
        """Return, by stream, the number below which a device may forget all of a log.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        with self._read() as database:
            query = "SELECT stream, next_seq FROM line WHERE device = ? AND log = ?"
            return dict(database.execute(query, (device, log)))

    def rows(self, stream: str, *, after: int = 0, at_most: int = _AT_ONCE) -> list[tuple[int, str, str]]:
        """Return what devices sent, in the order in which it was kept.

        Args:
            stream: Which stream.
            after: Id of the row that was read last; ids are never used again.
            at_most: How many rows.

        Returns:
            Id, device and row of each; the row as JSON.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        with self._read() as database:
            query = "SELECT id, device, data FROM received WHERE id > ? AND stream = ? ORDER BY id LIMIT ?"
            return database.execute(query, (after, stream, at_most)).fetchall()

    def accounts(self) -> tuple[Account, ...]:
        """Return what there is of each stream of each device.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        query = (
            "SELECT device, stream, CAST(total(next_seq - missing) AS INTEGER), CAST(total(missing) AS INTEGER)"
            " FROM line GROUP BY device, stream ORDER BY device, stream"  # a sum could be beyond 64 bits, and fail
        )
        with self._read() as database:
            return tuple(Account(*found) for found in database.execute(query))

    def latest(self, stream: str) -> tuple[Latest, ...]:
        """Return the last row of each device that is still kept, by device.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        query = (
            "SELECT device, max(row.id), received_unix_s, data FROM line, row WHERE stream = ? AND line = line.id"
            " AND seq = (SELECT max(seq) FROM row AS other WHERE other.line = line.id) GROUP BY device ORDER BY device"
        )
        with self._read() as database:
            return tuple(Latest(device, at, data) for device, _, at, data in database.execute(query, (stream,)))

    def forget(self, *, before_unix_s: float, at_most: int = _AT_ONCE) -> int:
        """Delete the oldest rows that came before a time; return how many. They are known for repeated all the same.

        Args:
            before_unix_s: Unix time.
            at_most: How many at once, so that nobody waits long for it.

        Raises:
            UnavailableError: The disk is full or cannot be written; nothing has changed.
        """
        with self._change() as database:
            oldest = database.execute("SELECT id, received_unix_s FROM row ORDER BY id LIMIT ?", (at_most,)).fetchall()
            old = [(id_,) for id_, received_unix_s in oldest if received_unix_s < before_unix_s]
            database.executemany("DELETE FROM row WHERE id = ?", old)
        with self._read() as database:
            database.execute(f"PRAGMA incremental_vacuum({at_most})").fetchall()
        return len(old)

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        with self._turn:
            self._database.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._read() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._turn:
                yield self._database
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def _failed(self, exc: Exception) -> UnavailableError:
        return UnavailableError(f"{self._path}: expected a store of results that can be written, got {exc}")


def _take(database: sqlite3.Connection, device: str, batch: Batch, now_s: float) -> Taken:
    key = (device, batch.stream, batch.log)
    database.execute("INSERT OR IGNORE INTO line VALUES (NULL, ?, ?, ?, 0, 0)", key)
    id_, next_seq = database.execute(
        "SELECT id, next_seq FROM line WHERE device = ? AND stream = ? AND log = ?", key
    ).fetchone()
    step = follow(next_seq, batch)
    database.executemany(
        "INSERT INTO row (line, seq, received_unix_s, data) VALUES (?, ?, ?, ?)",
        ((id_, seq, now_s, row.decode()) for seq, row in enumerate(step.rows, step.first_seq)),
    )
    if step.next_seq != next_seq:
        change = "UPDATE line SET next_seq = ?, missing = missing + ? WHERE id = ?"
        database.execute(change, (step.next_seq, step.missing, id_))
    return Taken(step.next_seq, len(step.rows), step.repeated, step.missing, step.early)
