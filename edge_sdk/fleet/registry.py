"""What each device last said of itself, and what it is to be told: SQLite, written by the desk and by commands.

- A device that nobody enrolled is not in it: the broker lets nobody else in, and the desk asks before it writes.
- Revisions of commands grow with the time, so that a registry that was lost does not speak with old numbers.
- A command is told until its device has settled it; one that ended before is told no more a week later.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Command, Commands, CommandState, CommandStates, Reported, Status

_BUSY_S = 10.0
_GIVEN_UP_S = 7 * 86400
_KEPT = 64
"""So many of a device's latest commands are kept when they are settled."""
_SETTLED = frozenset({"successful", "failed"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS board (
    device TEXT PRIMARY KEY, status BLOB, reported BLOB, seen_unix_s REAL NOT NULL DEFAULT 0,
    reported_unix_s REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS command (
    device TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, command BLOB NOT NULL, state BLOB NOT NULL,
    is_settled INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (device, id)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Board:
    """What is known of a device.

    Attributes:
        device: Its name.
        is_online: Whether it is connected, by its own word and the broker's.
        reported: What it said of itself; None if it never did.
        seen_unix_s: When it was heard last; 0 for never.
        reported_unix_s: When it said that; 0 for never.
    """

    device: str
    is_online: bool = False
    reported: Reported | None = None
    seen_unix_s: float = 0.0
    reported_unix_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """A command and where it stands.

    Attributes:
        device: Who is to do it.
        command: What.
        state: Where it stands, by the device's own word.
    """

    device: str
    command: Command
    state: CommandState = field(default_factory=lambda: CommandState("init"))


class Registry:
    """The database; may be used from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open it, or begin a new one.

        Raises:
            UnavailableError: It is damaged, or cannot be written.
        """
        self._path, self._turn = path, threading.Lock()
        try:
            self._database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
            self._complete()
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        with self._turn:
            self._database.close()

    def _complete(self) -> None:
        """Give a registry of an earlier version the columns that came later."""
        if not any(column[1] == "reported_unix_s" for column in self._database.execute("PRAGMA table_info(board)")):
            self._database.execute("ALTER TABLE board ADD COLUMN reported_unix_s REAL NOT NULL DEFAULT 0")

    def take_status(self, device: str, payload: bytes, *, now_s: float) -> None:
        """Keep whether a device is there; the will of an earlier start does not hold for a later one.

        A birth always holds: a board that was set up anew counts its starts anew.

        Raises:
            InputError: It is no status.
            UnavailableError: The disk cannot be written.
        """
        status = decode(Status, payload, where=f"{device}: status")
        before = self._rows("SELECT status FROM board WHERE device = ? AND status IS NOT NULL", (device,))
        if not status.online and before and decode(Status, before[0][0], where=device).boot > status.boot:
            return
        self._write(
            "INSERT INTO board (device, status, seen_unix_s) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (device) DO UPDATE SET status = ?2, seen_unix_s = ?3",
            (device, encode(status), now_s),
        )

    def take_reported(self, device: str, payload: bytes, *, now_s: float) -> bool:
        """Keep what a device said of itself; tell whether its model or its update is another than before.

        Raises:
            InputError: It is no such message.
            UnavailableError: The disk cannot be written.
        """
        reported = decode(Reported, payload, where=f"{device}: reported")
        rows = self._rows("SELECT reported FROM board WHERE device = ? AND reported IS NOT NULL", (device,))
        before = decode(Reported, rows[0][0], where=device) if rows else Reported(boot=0)
        self._write(
            "INSERT INTO board (device, reported, seen_unix_s, reported_unix_s) VALUES (?1, ?2, ?3, ?3) "
            "ON CONFLICT (device) DO UPDATE SET reported = ?2, seen_unix_s = ?3, reported_unix_s = ?3",
            (device, encode(reported), now_s),
        )
        return _gist(reported) != _gist(before)

    def board(self, device: str) -> Board:
        """Return what is known of a device; of one that was never heard, that it was not.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        return next(iter(self._boards("WHERE device = ?", (device,))), Board(device))

    def boards(self) -> tuple[Board, ...]:
        """Return what is known of all devices, by name.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        return self._boards("ORDER BY device")

    def _boards(self, which: str, values: Sequence[object] = ()) -> tuple[Board, ...]:
        columns = "device, status, reported, seen_unix_s, reported_unix_s"
        rows = self._rows(f"SELECT {columns} FROM board {which}", values)  # noqa: S608  ours
        return tuple(
            Board(
                device,
                status is not None and decode(Status, status, where=device).online,
                None if reported is None else decode(Reported, reported, where=device),
                seen_unix_s,
                reported_unix_s,
            )
            for device, status, reported, seen_unix_s, reported_unix_s in rows
        )

    def add_command(self, device: str, command: Command, *, now_s: float) -> None:
        """Have a device do something once.

        Raises:
            InputError: It was told a command of this name before.
            UnavailableError: The disk cannot be written.
        """
        if self._rows("SELECT 1 FROM command WHERE device = ? AND id = ?", (device, command.id)):
            raise InputError(f"{device}: expected a new id of a command, got {command.id!r} again")
        self._write(
            "INSERT INTO command (device, id, revision, command, state) "
            "VALUES (?1, ?2, max(?3, 1 + coalesce((SELECT max(revision) FROM command WHERE device = ?1), 0)), ?4, ?5)",
            (device, command.id, int(now_s * 1000), encode(command), encode(CommandState("init"))),
        )
        self._write(
            "DELETE FROM command WHERE device = ?1 AND is_settled AND id NOT IN "
            "(SELECT id FROM command WHERE device = ?1 ORDER BY revision DESC LIMIT ?2)",
            (device, _KEPT),
        )

    def take_states(self, device: str, payload: bytes) -> bool:
        """Keep where a device says that its commands stand; tell whether one was settled by it.

        Raises:
            InputError: It is no such message.
            UnavailableError: The disk cannot be written.
        """
        states = decode(CommandStates, payload, where=f"{device}: command")
        settled = 0
        for name, state in states.states.items():
            settled += self._write(
                "UPDATE command SET state = ?3, is_settled = ?4, "
                "revision = iif(?4, 1 + (SELECT max(revision) FROM command WHERE device = ?1), revision) "
                "WHERE device = ?1 AND id = ?2 AND NOT is_settled",
                (device, name, encode(state), int(state.stage in _SETTLED)),
            ) * (state.stage in _SETTLED)
        return settled > 0

    def commands(self, device: str, *, now_s: float) -> Commands:
        """Return what a device is still to do.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        rows = self._rows("SELECT command FROM command WHERE device = ? AND NOT is_settled ORDER BY rowid", (device,))
        open_ones = (decode(Command, row[0], where=device) for row in rows)
        still = tuple(one for one in open_ones if not 0 < one.expires_unix_s < now_s - _GIVEN_UP_S)
        return Commands(self._revision(device), still)

    def revisions(self) -> dict[str, int]:
        """Return the revision of each device's commands.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        return dict(self._rows("SELECT device, max(revision) FROM command GROUP BY device"))

    def told(self, device: str = "") -> tuple[Told, ...]:
        """Return all commands, of one device or of all, the last first.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        rows = self._rows(
            "SELECT device, command, state FROM command WHERE ?1 IN ('', device) ORDER BY rowid DESC", (device,)
        )
        return tuple(
            Told(name, decode(Command, command, where=name), decode(CommandState, state, where=name))
            for name, command, state in rows
        )

    def forget(self, devices: Iterable[str]) -> None:
        """Keep nothing more of devices.

        Raises:
            UnavailableError: The disk cannot be written.
        """
        for device in devices:
            self._write("DELETE FROM board WHERE device = ?", (device,))
            self._write("DELETE FROM command WHERE device = ?", (device,))

    def _revision(self, device: str) -> int:
        rows = self._rows("SELECT coalesce(max(revision), 0) FROM command WHERE device = ?", (device,))
        return int(rows[0][0])

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        try:
            with self._turn:
                return self._database.execute(query, values).fetchall()
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def _write(self, statement: str, values: Sequence[object]) -> int:
        try:
            with self._turn, self._database:
                return self._database.execute(statement, values).rowcount
        except sqlite3.Error as exc:
            raise self._failed(exc) from exc

    def _failed(self, exc: sqlite3.Error) -> UnavailableError:
        return UnavailableError(f"{self._path}: expected a database that can be written, got {exc}")


def _gist(reported: Reported) -> tuple[str, str]:
    return reported.model_sha256, reported.update.state
