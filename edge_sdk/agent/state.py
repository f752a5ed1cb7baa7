"""What the agent must know after a power cut: small documents by name, in SQLite with every commit on the disk.

- What is written together is there together, or not at all; it is on the disk when `write` returns.
- A damaged database is moved aside, and told by `was_damaged`: a board that knows nothing starts anew.
- Documents are bytes; who owns one names it, such as `update`, `floor/timestamp`, `command/ID`, `boot`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from edge_sdk.errors import UnavailableError

_BUSY_S = 10.0


class State:
    """The database; may be used from several threads.

    Attributes:
        was_damaged: Whether what was there before could not be read, and was moved aside.

    Example:
        >>> with State(Path("state.db")) as state:  # doctest: +SKIP
        ...     state.write({"boot": b"1"})
    """

    def __init__(self, path: Path) -> None:
        """Open it, or begin a new one.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        self._path = path
        self._turn = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _open(path)
                self.was_damaged = False
            except sqlite3.DatabaseError as exc:
                if isinstance(exc, sqlite3.OperationalError):
                    raise
                _set_aside(path)
                self._database = _open(path)
                self.was_damaged = True
        except (OSError, sqlite3.Error) as exc:
            raise UnavailableError(f"{path}: expected a database that can be written, got {exc}") from exc

    def __enter__(self) -> State:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(self, name: str) -> bytes | None:
        """Return a document; None if there is none.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        return dict(self._select("name = ?", name)).get(name)

    def read_all(self, prefix: str) -> dict[str, bytes]:
        """Return the documents whose names begin with `prefix`, by name.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        return dict(self._select("substr(name, 1, length(?1)) = ?1", prefix))

    def _select(self, condition: str, value: str) -> list[tuple[str, bytes]]:
        try:
            with self._turn:
                query = f"SELECT name, value FROM document WHERE {condition} ORDER BY name"  # noqa: S608  ours
                return self._database.execute(query, (value,)).fetchall()
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def write(self, documents: Mapping[str, bytes | None]) -> None:
        """Write documents, all or none; None deletes one. They are on the disk when this returns.

        Raises:
            UnavailableError: The disk is full or cannot be written; nothing has changed.
        """
        gone = [(name,) for name, value in documents.items() if value is None]
        there = [(name, value) for name, value in documents.items() if value is not None]
        try:
            with self._turn, self._database:
                self._database.executemany("DELETE FROM document WHERE name = ?", gone)
                self._database.executemany("INSERT OR REPLACE INTO document VALUES (?, ?)", there)
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        with self._turn:
            self._database.close()

    def _failed(self, exc: sqlite3.Error) -> UnavailableError:
        return UnavailableError(f"{self._path}: expected a database that can be written, got {exc}")


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 1048576")
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check failed")
        database.execute("CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT")
        database.commit()
    except BaseException:
        database.close()
        raise
    return database


def _set_aside(path: Path) -> None:
    """Move a damaged database and its journals out of the way; one earlier is given up for it."""
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(path.with_name(f"{path.name}.damaged{end}"))
