"""The outbox's file: SQLite in WAL mode, checked when it is opened, moved aside where it is damaged.

- Whoever finds the file damaged moves it aside and begins a new one; others see that their file is no longer there
  and follow.
- The numbering (`log`) is begun anew with each start of the machine: a memory card may lose what it had said was
  written, but only in a power cut. What waits of an older log goes out under it.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError

log = logging.getLogger(__name__)

_BUSY_S = 10.0
_TRY_AGAIN_S = 5.0
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
        """Open it, or begin a new one; where the disk refuses, that is tried again when it is used."""
        self._path, self._turn, self.damaged = path, threading.Lock(), 0
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._refusal, self._not_before_ns = "", 0.0
        with self._turn:
            try:
                self._open()
            except UnavailableError as exc:
                log.warning("%s", exc)

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
        """Close it for good; closing twice is harmless."""
        with self._turn:
            self._let_go()
            self._refuse("it is closed", for_s=math.inf)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            connection = self._open()
            try:
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (OSError, sqlite3.Error) as exc:
                if _is_damage(exc):
                    self._let_go()  # to be opened, checked, and moved aside
                raise _failed(self._path, exc) from exc

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _refuse(self, reason: str, *, for_s: float) -> None:
        """Do not try again for some time: each opening reads the whole file."""
        self._refusal, self._not_before_ns = reason, monotonic_ns() + for_s * 1e9

    def _open(self) -> sqlite3.Connection:
        """Return the open file: opened now, if it is not, or if another process has moved it aside.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        if self._connection is not None and _identity(self._path) == self._file:
            return self._connection
        self._let_go()
        if monotonic_ns() < self._not_before_ns:
            raise _failed(self._path, self._refusal)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _folder_to_ourselves(self._path.parent) as folder:
                try:
                    connection = _connect(self._path)
                except sqlite3.Error as exc:
                    if not _is_damage(exc):
                        raise
                    log.warning("%s: moved aside: %s", self._path, exc)
                    _set_aside(self._path)
                    self.damaged += 1
                    connection = _connect(self._path)
                os.fsync(folder)
        except (OSError, sqlite3.Error) as exc:
            self._refuse(str(exc), for_s=_TRY_AGAIN_S)
            raise _failed(self._path, exc) from exc
        self._connection, self._file = connection, _identity(self._path)
        return connection


def _identity(path: Path) -> tuple[int, int]:
    """Return which file is at a path; (0, 0) for none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_dev, stat.st_ino


def _connect(path: Path) -> sqlite3.Connection:
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


def _failed(path: Path, exc: Exception | str) -> UnavailableError:
    return UnavailableError(f"{path}: expected an outbox that can be written, got {exc}")
