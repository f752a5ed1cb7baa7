"""A TCP proxy that behaves like a bad line: delay, loss as TCP feels it, and cuts. For machines without netem.

- Each direction delays what passes by half the round trip, a segment at a time.
- A lost segment is not lost for TCP: it holds up all behind it for a retransmission. It is drawn by chance for each
  segment, and costs one round trip (fast retransmit), each fourth one a timeout.
- The rate is what TCP reaches at such loss: segment / round trip · sqrt(3/2) / sqrt(loss) (Mathis et al., 1997).
"""

from __future__ import annotations

import contextlib
import math
import random
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

_SEGMENT_BYTES = 1448
_TIMEOUT_S = 0.2
_MAX_WAITING_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Line:
    """How a line behaves.

    Attributes:
        delay_s: Round trip, in seconds.
        loss: Share of segments that are lost, 0 to 1.
        seed: Of the chance.
    """

    delay_s: float
    loss: float
    seed: int = 1

    @property
    def bytes_per_s(self) -> float:
        """What TCP reaches on it."""
        return _SEGMENT_BYTES / self.delay_s * math.sqrt(1.5) / math.sqrt(self.loss)


class SlowLine:
    """A proxy to a port of this machine; `port` is where it listens."""

    def __init__(self, to_port: int, line: Line) -> None:
        """Listen."""
        self._to_port, self._line = to_port, line
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.lost = self.passed = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        for one in (self._server, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                self._open += [near, far]
                for number, (source, sink) in enumerate(((near, far), (far, near))):
                    threading.Thread(
                        target=_Way(self, self._line, number).run, args=(source, sink), daemon=True
                    ).start()


class _Way:
    """One direction of a connection."""

    def __init__(self, proxy: SlowLine, line: Line, number: int) -> None:
        self._proxy, self._line = proxy, line
        self._random = random.Random(line.seed * 2 + number)
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._turn = threading.Condition()
        self._waiting_bytes, self._free_s, self._is_over = 0, 0.0, False

    def run(self, source: socket.socket, sink: socket.socket) -> None:
        threading.Thread(target=self._deliver, args=(sink,), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := source.recv(_SEGMENT_BYTES):
                with self._turn:
                    self._turn.wait_for(lambda: self._waiting_bytes < _MAX_WAITING_BYTES)
                    self._waiting.append((self._due_s(len(data)), data))
                    self._waiting_bytes += len(data)
                    self._turn.notify_all()
        with self._turn:
            self._is_over = True
            self._turn.notify_all()

    def _due_s(self, size_bytes: int) -> float:
        """Return when a segment comes out; those behind it come later."""
        self._free_s = max(self._free_s, time.monotonic()) + size_bytes / self._line.bytes_per_s
        self._proxy.passed += 1
        if self._random.random() < self._line.loss:
            self._proxy.lost += 1
            held_s = _TIMEOUT_S if self._random.random() < 0.25 else 0.0
            return self._free_s + self._line.delay_s * 1.5 + held_s
        return self._free_s + self._line.delay_s / 2

    def _deliver(self, sink: socket.socket) -> None:
        latest_s = 0.0
        with contextlib.suppress(OSError):
            while True:
                with self._turn:
                    self._turn.wait_for(lambda: self._waiting or self._is_over)
                    if not self._waiting:
                        break
                    due_s, data = self._waiting.popleft()
                    self._waiting_bytes -= len(data)
                    self._turn.notify_all()
                latest_s = max(latest_s, due_s)
                time.sleep(max(0.0, latest_s - time.monotonic()))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
