"""The outbox's file: SQLite in WAL mode, checked when it is opened, moved aside where it is damaged.

- Whoever finds the file damaged moves it aside and begins a new one; others see that their file is no longer there
  and follow.
- The numbering (`log`) is begun anew with each start of the machine: a memory card may lose what it had said was
  written, but only in a power cut. What waits of an older log goes out under it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_sdk.errors import UnavailableError

log = logging.getLogger(__name__)

_BUSY_S = 10.0
_FREE_PAGES = 512
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS line (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, log TEXT NOT NULL, next_seq INTEGER NOT NULL,
    UNIQUE (stream, log)
) STRICT;
CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT; -- id: line << 40 | seq
CREATE TABLE IF NOT EXISTS account (
    stream TEXT PRIMARY KEY, rows INTEGER NOT NULL DEFAULT 0, size_bytes INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0, oversize INTEGER NOT NULL DEFAULT 0, unwritten INTEGER NOT NULL DEFAULT 0,
    set_aside INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS aside (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, log TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;
"""


class Database:
    """The file; transactions are short, and one at a time in a process.

    Attributes:
        damaged: How often this process found the file damaged, and moved it aside.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or begin a new one.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        self._path, self._turn, self.damaged = path, threading.Lock(), 0
        self._connection, self._file = self._opened()

    @contextmanager
    def change(self, *, is_lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """Change it, all or nothing.

        Args:
            is_lasting: Whether it is on the disk when this returns; where not, a power cut may undo it.

        Raises:
            UnavailableError: The disk is full or fails; nothing has changed. A damaged file has been moved aside.
        """
        with self._using() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_lasting else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Look at one state of it.

        Raises:
            UnavailableError: The disk cannot be read. A damaged file has been moved aside.
        """
        with self._using() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def give_back_pages(self) -> None:
        """Give the file system what is free in the file, a part at a time.

        Raises:
            UnavailableError: The disk takes nothing.
        """
        with self._using() as connection:
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            if free > _FREE_PAGES:
                connection.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES // 2})")  # execute takes one page

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            try:
                self._follow()
                try:
                    yield self._connection
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
            except (OSError, sqlite3.Error) as exc:
                if _is_damage(exc):
                    self._connection.close()
                    with suppress(UnavailableError):  # not even a new one: the next turn tries again
                        self._connection, self._file = self._opened()
                raise _failed(self._path, exc) from exc

    def _follow(self) -> None:
        """Open the file anew where another process has moved it aside."""
        try:
            stat = self._path.stat()
            is_there = (stat.st_dev, stat.st_ino) == self._file
        except FileNotFoundError:
            is_there = False
        if not is_there:
            self._connection.close()
            self._connection, self._file = self._opened()

    def _opened(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _folder_to_ourselves(self._path.parent) as folder:
                try:
                    connection = _open(self._path)
                except sqlite3.Error as exc:
                    if not _is_damage(exc):
                        raise
                    log.warning("%s: moved aside: %s", self._path, exc)
                    _set_aside(self._path)
                    self.damaged += 1
                    connection = _open(self._path)
                os.fsync(folder)
                stat = self._path.stat()
                return connection, (stat.st_dev, stat.st_ino)
        except (OSError, sqlite3.Error) as exc:
            raise _failed(self._path, exc) from exc


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or it has no effect
        for setting in ("journal_mode = WAL", "journal_size_limit = 1048576", "cache_size = -256"):
            connection.execute(f"PRAGMA {setting}")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(f"quick_check: {found[0]}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        _begin_log(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_log(connection: sqlite3.Connection) -> None:
    """Begin a numbering, unless this machine has one since it started."""
    boot = ""
    with suppress(OSError):
        boot = _BOOT.read_text().strip()
    facts = dict(connection.execute("SELECT name, value FROM fact"))
    if "log" not in facts or facts.get("boot") != boot:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR REPLACE INTO fact VALUES (?, ?)", [("log", secrets.token_hex(8)), ("boot", boot)]
            )
            connection.execute("DELETE FROM line WHERE NOT EXISTS (SELECT 1 FROM row WHERE row.id >> 40 = line.id)")


@contextmanager
def _folder_to_ourselves(folder: Path) -> Iterator[int]:
    """Keep other processes from opening, too; what is held goes with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _set_aside(path: Path) -> None:
    """Move a damaged file and its journals out of the way; one earlier is given up for it."""
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(path.with_name(f"{path.name}.damaged{end}"))


def _is_damage(exc: Exception) -> bool:
    """Tell whether the file is damaged; a full disk or a busy file is an OperationalError."""
    return type(exc) is sqlite3.DatabaseError


def _failed(path: Path, exc: Exception) -> UnavailableError:
    return UnavailableError(f"{path}: expected an outbox that can be written, got {exc}")
