"""Who takes in what boards send, for `scripts/bench ingest`: ours, and how it is often written; and the boards.

`python -m scripts.benchmarks.ingest_parties ours|each PORT DATABASE | boards PORT BOARDS ROWS SECONDS`
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.ingest import Ingest, subscriptions
from edge_sdk.fleet.store import Store
from edge_sdk.wire import Channel, Place, decode, encode
from edge_sdk.wire.messages import Ack, Batch

FLEET = "plant"
ROW = (
    b'{"unix_s":1796000000.123,"seq":17,"captured_ns":680000000,"clock":"driver","source":"camera:0","model":"7d865e95",'
    b'"age_ms":14.1,"timings":{"preprocess_ms":0.98,"infer_ms":11.57,"decode_ms":0.26},"value":{"boxes":[{"class":0,'
    b'"label":"bolt","score":0.912,"xyxy":[10.0,5.5,200.0,120.0]}]}}'
)
_LOG = "0" * 16


def take_in(port: int, path: Path) -> None:
    """Be our ingest, for ever."""
    with Store(path) as store, Link(_broker(port), LinkOptions("ingest", subscriptions(FLEET))) as link:
        Ingest(store, link).run(threading.Event())


def take_in_each(port: int, path: Path) -> None:
    """Be the usual: paho's callback writes the rows of a message, commits durably, and answers."""
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion

    database = sqlite3.connect(path, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE row (device, log, seq, data, PRIMARY KEY (device, log, seq))")

    def on_message(client: Client, _data: object, message: MQTTMessage) -> None:
        place = Channel.parse(message.topic).place
        said = json.loads(message.payload)
        numbered = enumerate(said["rows"], said["first_seq"])
        rows = [(place.device, said["log"], seq, json.dumps(row)) for seq, row in numbered]
        with database:
            database.executemany("INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?)", rows)
        client.publish(place.down("ack"), encode(Ack(said["log"], {"results": said["first_seq"] + len(rows)})), qos=1)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe(f"edge/v1/{FLEET}/+/up/results", qos=1)
    client.loop_forever()


@dataclass(slots=True)
class _Board:
    place: Place
    next_seq: int = 0
    sent_s: float = 0.0


class Boards:
    """So many boards on one link; each sends a batch, and the next when that is acknowledged."""

    def __init__(self, link: Link, boards: int, rows: int) -> None:
        self._link, self._rows = link, rows
        self._boards = {f"press-{number}": _Board(Place(FLEET, f"press-{number}")) for number in range(boards)}
        self._idle = list(self._boards.values())
        self.waits: list[float] = []

    def turn(self) -> None:
        """Send what may be sent, and hear one answer."""
        while self._idle and _send(self._link, self._idle[-1], self._rows):
            self._idle.pop()
        happening = self._link.next(timeout_s=0.5)
        if isinstance(happening, Received):
            happening.accept()
            board = self._boards[Channel.parse(happening.topic).place.device]
            board.next_seq = decode(Ack, happening.payload, where=happening.topic).next_seq["results"]
            self.waits.append(time.monotonic() - board.sent_s)
            self._idle.append(board)
        elif happening is None and not self.waits:
            self._idle = list(self._boards.values())  # nobody was there to hear them

    @property
    def acknowledged(self) -> int:
        """Rows that were acknowledged."""
        return sum(board.next_seq for board in self._boards.values())


def be_boards(port: int, boards: int, rows: int, seconds: float) -> None:
    """Send from so many boards, from the first acknowledgement on for so long; print what was reached, as JSON."""
    with Link(_broker(port), LinkOptions("boards", (f"edge/v1/{FLEET}/+/down/ack",))) as link:
        all_ = Boards(link, boards, rows)
        while not all_.waits:
            all_.turn()
        end_s, before = time.monotonic() + seconds, all_.acknowledged
        while time.monotonic() < end_s:
            all_.turn()
    p50_ms, p99_ms = (1e3 * statistics.quantiles(all_.waits, n=100)[place] for place in (49, 98))
    rows_hz = (all_.acknowledged - before) / seconds
    print(json.dumps({"rows": all_.acknowledged, "rows_hz": rows_hz, "p50_ms": p50_ms, "p99_ms": p99_ms}))


def _send(link: Link, board: _Board, rows: int) -> bool:
    batch = Batch("results", _LOG, board.next_seq, 0, (ROW,) * rows)
    board.sent_s = time.monotonic()
    return link.publish(board.place.up("results"), batch.encode()) is not None


def _broker(port: int) -> Broker:
    return Broker("127.0.0.1", port)


def main(words: list[str]) -> None:
    """Be the party that the command line names."""
    match words:
        case ["ours", port, path]:
            take_in(int(port), Path(path))
        case ["each", port, path]:
            take_in_each(int(port), Path(path))
        case ["boards", port, boards, rows, seconds]:
            be_boards(int(port), int(boards), int(rows), float(seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
