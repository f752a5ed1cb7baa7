"""Rows on the disk: what one transaction does to them.

A `line` is the numbering of one stream in one log; older lines are read first. A row's key is its line and its number
in one integer, which lets SQLite keep rows of any size without waste. Each function takes a connection in a transaction
of `Database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby, islice

from edge_sdk.outbox.record import ROW_BYTES, Account, Batch, Limit, Mark

Row = tuple[str, bytes]
"""Stream and bytes."""
_MAX_ASIDE_BYTES = 1 << 20
_SEQ_BITS = 40
_COUNTERS = ("rows", "size_bytes", "dropped", "oversize", "unwritten", "set_aside")


def add(connection: sqlite3.Connection, rows: Sequence[Row], limits: Mapping[str, Limit]) -> None:
    """Write rows, and let the oldest go where there is no room."""
    by_stream = sorted(rows, key=lambda row: row[0])
    for stream, group in groupby(by_stream, key=lambda row: row[0]):
        data = [row for _, row in group]
        line, next_seq = _line(connection, stream)
        connection.executemany("INSERT INTO row VALUES (?, ?)", enumerate(data, _key(line, next_seq)))
        connection.execute("UPDATE line SET next_seq = ? WHERE id = ?", (next_seq + len(data), line))
        size_bytes = sum(map(len, data)) + ROW_BYTES * len(data)
        count(connection, stream, rows=len(data), size_bytes=size_bytes)
        _make_room(connection, stream, limits[stream].max_bytes)


def count(connection: sqlite3.Connection, stream: str, **more: int) -> None:
    """Add to the counters of a stream."""
    connection.execute("INSERT OR IGNORE INTO account (stream) VALUES (?)", (stream,))
    for counter, number in more.items():
        if counter not in _COUNTERS:
            raise KeyError(counter)
        connection.execute(f"UPDATE account SET {counter} = {counter} + ? WHERE stream = ?", (number, stream))  # noqa: S608  of a fixed list


def accounts(connection: sqlite3.Connection) -> dict[str, Account]:
    """Return how each stream stands."""
    found = connection.execute(f"SELECT stream, {', '.join(_COUNTERS)} FROM account ORDER BY stream")  # noqa: S608  fixed
    return {stream: Account(*numbers) for stream, *numbers in found}


def read(connection: sqlite3.Connection, stream: str, after: Mark | None, most: tuple[int, int]) -> Batch | None:
    """Return the rows that follow a mark, oldest first; None if there are none.

    Args:
        connection: In a transaction.
        stream: Which stream.
        after: Where to begin; None, or one of a log that is gone, is the oldest row.
        most: How many rows, and how many bytes with one more for each; one row is returned whatever its size.
    """
    lines = connection.execute("SELECT id, log FROM line WHERE stream = ? ORDER BY id", (stream,)).fetchall()
    logs = [log for _, log in lines]
    begin = logs.index(after.log) if after is not None and after.log in logs else 0
    for line, log in lines[begin:]:
        least = after.next_seq if after is not None and after.log == log else 0
        rows, first_seq = _consecutive(connection, line, least, most)
        if rows:
            (oldest,) = connection.execute("SELECT min(id) FROM row WHERE id >= ? AND id < ?", _span(line)).fetchone()
            return Batch(log, first_seq, tuple(rows), oldest - _key(line, 0))
    return None


def holds(connection: sqlite3.Connection, stream: str, upto: Mark) -> bool:
    """Tell whether there are rows of a log before a mark."""
    line = _find_line(connection, stream, upto.log)
    if line is None:
        return False
    found = connection.execute("SELECT 1 FROM row WHERE id >= ? AND id < ? LIMIT 1", _span(line, 0, upto.next_seq))
    return found.fetchone() is not None


def forget(connection: sqlite3.Connection, stream: str, upto: Mark) -> int:
    """Delete the rows of a log before a mark; return how many."""
    line = _find_line(connection, stream, upto.log)
    return 0 if line is None else _delete(connection, stream, _span(line, 0, upto.next_seq))


def set_aside(connection: sqlite3.Connection, stream: str, at: Mark, reason: str) -> bool:
    """Put one row where it holds up nothing; the oldest such rows go where they take more than 1 MiB."""
    line = _find_line(connection, stream, at.log)
    if line is None:
        return False
    copied = connection.execute(
        "INSERT INTO aside (stream, log, seq, reason, data) SELECT ?, ?, ?, ?, data FROM row WHERE id = ?",
        (stream, at.log, at.next_seq, reason, _key(line, at.next_seq)),
    ).rowcount
    if not copied:
        return False
    _delete(connection, stream, _span(line, at.next_seq, at.next_seq + 1))
    count(connection, stream, set_aside=1)
    connection.execute(
        "DELETE FROM aside WHERE id IN (SELECT id FROM (SELECT id, sum(length(data)) OVER (ORDER BY id DESC) AS total"
        " FROM aside) WHERE total > ?)",
        (_MAX_ASIDE_BYTES,),
    )
    return True


def _line(connection: sqlite3.Connection, stream: str) -> tuple[int, int]:
    """Return the line in use, and its next number."""
    connection.execute(
        "INSERT OR IGNORE INTO line (stream, log, next_seq) SELECT ?, value, 0 FROM fact WHERE name = 'log'", (stream,)
    )
    line, next_seq = connection.execute(
        "SELECT id, next_seq FROM line WHERE stream = ? AND log = (SELECT value FROM fact WHERE name = 'log')",
        (stream,),
    ).fetchone()
    return line, next_seq


def _find_line(connection: sqlite3.Connection, stream: str, log: str) -> int | None:
    found = connection.execute("SELECT id FROM line WHERE stream = ? AND log = ?", (stream, log)).fetchone()
    return found[0] if found else None


def _consecutive(
    connection: sqlite3.Connection, line: int, least: int, most: tuple[int, int]
) -> tuple[list[bytes], int]:
    """Return rows of a line without a gap between them, and the first one's number."""
    max_rows, room_bytes = most
    rows: list[bytes] = []
    first = 0
    found = connection.execute("SELECT id, data FROM row WHERE id >= ? AND id < ? ORDER BY id", _span(line, least))
    for key, data in islice(found, max_rows):
        room_bytes -= len(data) + 1
        first = key if not rows else first
        if rows and (room_bytes < 0 or key != first + len(rows)):
            break
        rows.append(data)
    found.close()
    return rows, first - _key(line, 0)


def _make_room(connection: sqlite3.Connection, stream: str, max_bytes: int) -> None:
    """Let the oldest rows of a stream go until the rest fits."""
    lines = connection.execute("SELECT id FROM line WHERE stream = ? ORDER BY id", (stream,)).fetchall()
    (size_bytes,) = connection.execute("SELECT size_bytes FROM account WHERE stream = ?", (stream,)).fetchone()
    for (line,) in lines:
        if size_bytes <= max_bytes:
            return
        last = -1
        oldest = connection.execute(
            "SELECT id, length(data) FROM row WHERE id >= ? AND id < ? ORDER BY id", _span(line)
        )
        for key, length in oldest:
            if size_bytes <= max_bytes:
                break
            last, size_bytes = key, size_bytes - length - ROW_BYTES
        oldest.close()
        count(connection, stream, dropped=_delete(connection, stream, (_key(line, 0), last + 1)))


def _delete(connection: sqlite3.Connection, stream: str, span: tuple[int, int]) -> int:
    """Delete rows from one key to before another; return how many."""
    number, size_bytes = connection.execute(
        "SELECT count(*), coalesce(sum(length(data)), 0) FROM row WHERE id >= ? AND id < ?", span
    ).fetchone()
    connection.execute("DELETE FROM row WHERE id >= ? AND id < ?", span)
    count(connection, stream, rows=-number, size_bytes=-size_bytes - ROW_BYTES * number)
    return int(number)


def _key(line: int, seq: int) -> int:
    return (line << _SEQ_BITS) + seq


def _span(line: int, first_seq: int = 0, end_seq: int = 1 << _SEQ_BITS) -> tuple[int, int]:
    """Return the keys of a line's rows, from one number to before another."""
    first, end = (min(max(seq, 0), 1 << _SEQ_BITS) for seq in (first_seq, end_seq))
    return _key(line, first), _key(line, end)
