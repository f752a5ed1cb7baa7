"""Ways to put rows on a disk before they are sent, for `scripts/bench mail`: each in a process of its own.

`python -m scripts.benchmarks.mail_queues WAY FOLDER ROWS [PORT]` prints rows a second.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROW = b'{"seq":17,"captured_ns":680000000,"source":"camera:0","value":{"boxes":[%s]}}' % (b"1234567890," * 20 + b"0")


def outbox(folder: Path, rows: int) -> None:
    """Ours: groups by itself, and all of it on the disk at the end."""
    from edge_sdk.outbox import Limit, Outbox

    with Outbox.open(folder / "outbox.db", {"results": Limit(500_000_000)}) as box:
        for _ in range(rows):
            box.put("results", ROW)
        box.flush()


def outbox_hundreds(folder: Path, rows: int) -> None:
    """Ours, waiting for the disk after each hundred rows."""
    from edge_sdk.outbox import Limit, Outbox

    with Outbox.open(folder / "outbox.db", {"results": Limit(500_000_000)}) as box:
        for number in range(rows):
            box.put("results", ROW)
            if number % 100 == 99:
                box.flush()


def outbox_each(folder: Path, rows: int) -> None:
    """Ours, waiting for the disk after each row."""
    from edge_sdk.outbox import Limit, Outbox

    with Outbox.open(folder / "outbox.db", {"results": Limit(500_000_000)}) as box:
        for _ in range(rows):
            box.put("results", ROW)
            box.flush()


def commit_each(folder: Path, rows: int) -> None:
    """A table of SQLite, WAL, one durable commit a row."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, data BLOB)")
    for _ in range(rows):
        connection.execute("INSERT INTO row (data) VALUES (?)", (ROW,))
    connection.close()


def line_each(folder: Path, rows: int) -> None:
    """A file of lines, each written and synced."""
    handle = os.open(folder / "rows.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(rows):
        os.write(handle, ROW + b"\n")
        os.fsync(handle)
    os.close(handle)


def persist_queue(folder: Path, rows: int) -> None:
    """persist-queue's SQLite queue, as its manual shows it."""
    from persistqueue import FIFOSQLiteQueue  # type: ignore[import-not-found]

    queue = FIFOSQLiteQueue(str(folder), auto_commit=True)
    for _ in range(rows):
        queue.put(ROW)
    queue.close()


def paho(_folder: Path, rows: int) -> None:
    """The queue of paho itself to a broker on this machine, at least once: what has been acknowledged is on no disk."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(sys.argv[4]))
    client.loop_start()
    for sent in [client.publish("results", ROW, qos=1) for _ in range(rows)]:
        sent.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


WAYS: dict[str, Callable[[Path, int], None]] = {
    way.__name__: way for way in (outbox, outbox_hundreds, outbox_each, commit_each, line_each, persist_queue, paho)
}


def main() -> None:
    """Measure one way."""
    way, folder, rows = WAYS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    start_s = time.perf_counter()
    way(folder, rows)
    print(rows / (time.perf_counter() - start_s))


if __name__ == "__main__":
    main()
