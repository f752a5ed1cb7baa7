"""Serves a repository's files in blocks over the broker, to devices that have no other way to them.

- Only files of `metadata` and `targets` are served, by names that cannot lead elsewhere.
- What waits is questions, never bytes: a block is read when its turn comes. Each device has a bounded queue, and
  devices take turns, so that a thousand of them share one connection evenly.
- The rate is bounded, so that results and commands get through while models are fetched.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

from edge_sdk.errors import UnavailableError
from edge_sdk.wire import Place, decode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get

Publish = Callable[[str, bytes], None]
"""Publishes a payload on a topic; raises UnavailableError if it cannot be sent now."""
_FOLDERS = ("metadata", "targets")
_MAX_BYTES_PER_S = 64 << 20
_MAX_BLOCKS_WAITING = 64
_MAX_DEVICES_WAITING = 20_000
_PAUSE_S = 0.05


class Files:
    """The files of a repository, as blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def block(self, get: Get, index: int) -> Block:
        """Return one block of a file, or that there is none."""
        nothing = Block(get.request, get.file, index, 0, is_found=False)
        path = (self._folder / get.file).resolve()
        if not any(path.is_relative_to(self._folder / name) for name in _FOLDERS):
            return nothing
        try:
            with path.open("rb") as file:
                size_bytes = file.seek(0, 2)
                file.seek(index * BLOCK_BYTES)
                data = file.read(BLOCK_BYTES)
        except OSError:
            return nothing
        if not data and index:
            return nothing
        return Block(get.request, get.file, index, size_bytes, is_found=True, data=data)


class BlockServer:
    """Answers `up/get` with `down/block`; questions may come from one thread while another one serves.

    Attributes:
        sent: Blocks sent so far.
        dropped: Blocks not sent, because a device asked for more than may wait; it asks again.
    """

    def __init__(self, files: Files, publish: Publish, *, max_bytes_per_s: float = _MAX_BYTES_PER_S) -> None:
        self._files, self._publish, self._max_bytes_per_s = files, publish, max_bytes_per_s
        self._turn = threading.Condition()
        self._waiting: OrderedDict[Place, deque[tuple[Get, int]]] = OrderedDict()
        self.sent = self.dropped = 0

    def ask(self, place: Place, payload: bytes) -> None:
        """Take a question of a device.

        Raises:
            InputError: It is none.
        """
        get = decode(Get, payload, where=place.up("get"))
        with self._turn:
            if place not in self._waiting and len(self._waiting) >= _MAX_DEVICES_WAITING:
                self.dropped += get.count
                return
            queue = self._waiting.setdefault(place, deque())
            queue.extend((get, index) for index in range(get.first_block, get.first_block + get.count))
            while len(queue) > _MAX_BLOCKS_WAITING:
                queue.popleft()
                self.dropped += 1
            self._turn.notify()

    def serve_one(self) -> int:
        """Send one block to the device whose turn it is; return its size in bytes, 0 if nobody waits.

        Raises:
            UnavailableError: It cannot be sent now; it waits for its turn again.
        """
        with self._turn:
            if not self._waiting:
                return 0
            place, queue = next(iter(self._waiting.items()))
            get, index = queue[0]
            self._waiting.move_to_end(place)
        payload = self._files.block(get, index).encode()
        self._publish(place.down("block"), payload)
        self.sent += 1
        with self._turn:
            if queue and queue[0] == (get, index):  # else it was dropped meanwhile
                queue.popleft()
            if not queue:
                self._waiting.pop(place, None)
        return len(payload)

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, at a bounded rate."""
        due_s = time.monotonic()
        while not stop.is_set():
            try:
                sent_bytes = self.serve_one()
            except UnavailableError:
                stop.wait(_PAUSE_S)
                continue
            if not sent_bytes:
                with self._turn:
                    self._turn.wait_for(lambda: bool(self._waiting), _PAUSE_S)
                continue
            due_s = max(due_s, time.monotonic()) + sent_bytes / self._max_bytes_per_s
            ahead_s = due_s - time.monotonic()
            if ahead_s > _PAUSE_S:
                stop.wait(ahead_s)
