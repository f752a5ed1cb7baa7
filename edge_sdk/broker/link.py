"""A connection for programs that run for months: paho moves the bytes, all else is ours.

- One thread does all that touches paho, by its own loop over the socket: no callback of paho's runs anywhere else, and
  an exception in one ends a connection, never the link.
- A connection that breaks, is refused, or says nothing for longer than the keepalive is made anew with a new client,
  after a pause of full jitter. Nothing of the old one lives on: what was not acknowledged is told, and given up.
- Sessions are clean: what must hold is in topics and payloads, so that no broker's memory is relied upon.
- MQTT 5 is spoken where the broker speaks it, else 3.1.1. What CONNACK says of its limits is kept.
- What is published waits in a queue with a bound; where it is full, `publish` says so. What is received and not taken
  stops the reading, so that the broker waits too.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from edge_sdk.broker.access import encryption
from edge_sdk.broker.address import Broker
from edge_sdk.broker.connection import Connection, Limits
from edge_sdk.broker.happening import Connected, Happening, Lost
from edge_sdk.broker.pauses import Pauses
from edge_sdk.broker.record import LinkOptions, Outgoing
from edge_sdk.broker.wake import Wake
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError

_MAX_WAITING = 64
_MAX_UNTAKEN = 256
_CLOSE_S = 5.0


class Link:
    """A link to a broker. `publish` and `close` may be called from any thread, `next` from one.

    Example:
        >>> with Link(Broker.parse("mqtts://broker:8883"), LinkOptions("press-4")) as link:  # doctest: +SKIP
        ...     happening = link.next(timeout_s=1.0)
    """

    def __init__(self, broker: Broker, options: LinkOptions) -> None:
        """Begin to connect; whether that succeeds is told by `next`.

        Raises:
            InputError: A certificate cannot be read.
        """
        if broker.is_encrypted:
            encryption(options.access, where=str(broker))  # told now, although it is read anew for each connection
        self._broker, self._options = broker, options
        self._happenings: queue.Queue[Happening] = queue.Queue()
        self._outgoing: deque[Outgoing] = deque()
        self._turn = threading.Lock()
        self._limits: Limits | None = None
        self._last_number = 0
        self._is_over, self._end_ns = threading.Event(), 0
        self._wake = Wake()
        self._thread = threading.Thread(target=self._run, name=f"link {broker.host}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, name: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Give a message to be published, at least once as long as the connection holds; never waits.

        Args:
            name: Its topic.
            payload: Its bytes.
            retain: Whether the broker keeps it for those who come later.

        Returns:
            Its number, which `Acknowledged`, `Refused` or `Lost` will tell; None where there is no connection or no
            room: it was not taken.

        Raises:
            InputError: It is larger than the broker takes.
        """
        with self._turn:
            if self._limits is None or len(self._outgoing) >= _MAX_WAITING:
                return None
            size_bytes = self._limits.packet_bytes(name, payload)
            if size_bytes > self._limits.max_packet_bytes:
                raise InputError(f"{name}: expected at most {self._limits.max_packet_bytes} bytes, got {size_bytes}")
            self._last_number += 1
            self._outgoing.append(Outgoing(self._last_number, name, payload, retain))
            number = self._last_number
        self._wake.up()
        return number

    def next(self, *, timeout_s: float) -> Happening | None:
        """Return what happened next; None if nothing did in time."""
        with suppress(queue.Empty):
            happening = self._happenings.get(timeout=timeout_s) if timeout_s > 0 else self._happenings.get_nowait()
            if self._happenings.qsize() == _MAX_UNTAKEN - 1:
                self._wake.up()  # there is room again
            return happening
        return None

    def close(self) -> None:
        """Send what waits, disconnect and end; closing twice is harmless."""
        if not self._is_over.is_set():
            self._end_ns = monotonic_ns() + int(_CLOSE_S * 1e9 / 2)
            self._is_over.set()
            self._wake.up()
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._wake.close()

    def _run(self) -> None:
        pauses, speaks_5 = Pauses(longest_s=self._options.longest_pause_s), True
        while not self._is_over.is_set():
            start_ns = monotonic_ns()
            connection = Connection(self._broker, self._options, speaks_5=speaks_5)
            reason = self._hold(connection)
            speaks_5 ^= connection.refuses_version
            held_s = (monotonic_ns() - start_ns) / 1e9 if connection.was_let_in else 0.0
            self._lose(reason, connection)
            self._is_over.wait(pauses.after(held_s=held_s))

    def _hold(self, connection: Connection) -> str:
        """Connect and go on until it breaks; return why."""
        try:
            connection.open()
            while not connection.is_broken:
                if self._is_over.is_set() and self._has_said_all(connection):
                    break
                self._feed(connection)
                connection.turn(self._wake, reads=self._happenings.qsize() < _MAX_UNTAKEN)
                self._tell(connection.take_happenings())
            connection.close()
        except Exception as exc:  # noqa: BLE001  whatever breaks a connection, the link goes on
            connection.close()
            return f"{type(exc).__name__}: {exc}" if not isinstance(exc, OSError) else str(exc)
        return connection.reason

    def _has_said_all(self, connection: Connection) -> bool:
        """Tell whether a link that is to end may; one that nobody answers may, too."""
        is_late = monotonic_ns() > self._end_ns
        return is_late or not connection.was_let_in or not (self._outgoing or connection.unacknowledged)

    def _feed(self, connection: Connection) -> None:
        """Give the connection what it has room for."""
        while connection.has_room:
            with self._turn:
                if not self._outgoing:
                    return
                message = self._outgoing.popleft()
            connection.publish(message)

    def _tell(self, happenings: Sequence[Happening]) -> None:
        for happening in happenings:
            if isinstance(happening, Connected):
                with self._turn:
                    self._limits = Limits(happening.max_packet_bytes)
            self._happenings.put(happening)

    def _lose(self, reason: str, connection: Connection) -> None:
        self._tell(connection.take_happenings())
        with self._turn:
            self._limits = None
            waiting = tuple(message.number for message in self._outgoing)
            self._outgoing.clear()
        unacknowledged = (*connection.unacknowledged, *waiting)
        if unacknowledged or self._happenings.qsize() < _MAX_UNTAKEN:
            self._happenings.put(Lost(reason, unacknowledged))
