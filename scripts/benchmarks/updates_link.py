"""Both ends of the line for the benchmark of updates, each a process: what the product uses, and a bare pull.

    python -m scripts.benchmarks.updates_link serve PORT FOLDER
    python -m scripts.benchmarks.updates_link serve-bare PORT FOLDER
    python -m scripts.benchmarks.updates_link pull-bare PORT COUNT
    python -m scripts.benchmarks.updates_link fetch PORT FOLDER PACKAGE.json [STOP_AFTER_BLOCKS]

The bare pull has the same broker, link, window and blocks; it asks for a block by its number and throws it away: no
digest, no JSON, no file.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge_sdk import records
from edge_sdk.agent.fetch.download import download
from edge_sdk.agent.fetch.mqtt import MqttSource
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Connected, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.errors import UnavailableError
from edge_sdk.fleet.blocks import BlockServer, Files
from edge_sdk.wire import Channel, Place
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import PackageTarget

PLACE = Place("plant", "press-4")
WINDOW = 8


class Line:
    """A link to the broker whose messages are taken by one function; publishing waits for room."""

    def __init__(self, port: int, name: str, topic: str, take: Callable[[str, bytes], None]) -> None:
        """Connect, and wait until it stands."""
        self._link = Link(Broker("127.0.0.1", port), LinkOptions(name, (topic,)))
        self._take, self._is_there = take, threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._is_there.wait(30):
            raise UnavailableError("broker: expected a connection, got none")

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish; raises UnavailableError where there is no room."""
        if self._link.publish(topic, payload) is None:
            raise UnavailableError("broker: expected room, got none")

    def _listen(self) -> None:
        while True:
            happening = self._link.next(timeout_s=1)
            if isinstance(happening, Connected):
                self._is_there.set()
            elif isinstance(happening, Received):
                self._take(happening.topic, happening.payload)
                happening.accept()


class Exchange:
    """The device's channels for blocks."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._line = Line(port, "press-4", PLACE.down("block"), lambda _, payload: self._answers.put(payload))

    def ask(self, payload: bytes) -> None:
        """Publish a question."""
        self._line.publish(PLACE.up("get"), payload)

    def answer(self, *, timeout_s: float) -> bytes | None:
        """Return the next answer; None if none comes in time."""
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None


def serve(port: int, folder: Path) -> None:
    """Answer questions until killed."""

    def publish(topic: str, payload: bytes) -> None:
        line.publish(topic, payload)

    server = BlockServer(Files(folder), publish, max_bytes_per_s=1e12)
    line = Line(
        port,
        "fleet",
        "edge/v1/plant/+/up/get",
        lambda topic, payload: server.ask(Channel.parse(topic).place, payload),
    )
    print("ready", flush=True)
    server.run(threading.Event())


def serve_bare(port: int, file: Path) -> None:
    """Answer numbers with blocks of one file, until killed."""
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    line = Line(port, "fleet", PLACE.up("get"), lambda _, payload: asked.put(int(payload)))
    print("ready", flush=True)
    with file.open("rb") as opened:
        while True:
            opened.seek(asked.get() * BLOCK_BYTES)
            line.publish(PLACE.down("block"), opened.read(BLOCK_BYTES))


def pull_bare(port: int, count: int) -> dict[str, float]:
    """Pull blocks, and throw them away."""
    exchange = Exchange(port)
    start_s = time.perf_counter()
    for index in range(min(WINDOW, count)):
        exchange.ask(str(index).encode())
    for index in range(WINDOW, count + WINDOW):
        if exchange.answer(timeout_s=60) is None:
            raise UnavailableError("line: expected a block, got none")
        if index < count:
            exchange.ask(str(index).encode())
    return {"seconds": time.perf_counter() - start_s}


def fetch(port: int, into: Path, package: PackageTarget, stop_after: int) -> dict[str, float]:
    """Fetch as a board does; end without a word after so many blocks, as in a power cut."""
    source = MqttSource(Exchange(port))
    done = {"blocks": 0, "first": -1}

    def progress(done_bytes: int, _: int) -> None:
        if done["first"] < 0:
            done["first"] = done_bytes
            return
        done["blocks"] += 1
        if done["blocks"] == stop_after:
            os.kill(os.getpid(), 9)

    start_s = time.perf_counter()
    download(source, package, into, progress=progress)
    return {
        "seconds": time.perf_counter() - start_s,
        "fetched_blocks": done["blocks"],
        "asked_blocks": source.asked,
        "had_bytes": done["first"],
    }


def main(words: list[str]) -> None:
    """Be one end."""
    port = int(words[1])
    match words[0], words[2:]:
        case "serve", [folder]:
            serve(port, Path(folder))
        case "serve-bare", [file]:
            serve_bare(port, Path(file))
        case "pull-bare", [count]:
            print(json.dumps(pull_bare(port, int(count))))
        case "fetch", [into, described, *stop]:
            package = records.read(PackageTarget, json.loads(Path(described).read_text()), where=described)
            print(json.dumps(fetch(port, Path(into), package, int(stop[0]) if stop else 0)))


if __name__ == "__main__":
    main(sys.argv[1:])
