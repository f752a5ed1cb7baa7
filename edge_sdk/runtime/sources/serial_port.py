"""Rows over a serial line: `serial:/dev/ttyUSB0?baud=115200`, as `parser=FILE.toml` declares them.

Without a parser a line has the model's columns in their order, with commas. Rows are stamped as they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.extras import require
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import ARRIVALS, Rows, Slack
from edge_sdk.runtime.sources.packets import LineParser, PacketParser, Parser
from edge_sdk.runtime.sources.parsers import Line, Lines, read_parser
from edge_sdk.runtime.sources.record import Address

_TIMEOUT_S = 5.0


class Port(Protocol):
    """A serial port, as pyserial opens it."""

    in_waiting: int

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, or none if none come in time."""

    def close(self) -> None:
        """Give the port back."""


@dataclass(frozen=True, slots=True)
class SerialOptions:
    """What the address may say.

    Attributes:
        baud: Bits a second.
        parser: The file that declares what comes.
        timeout_s: How long a silence ends the source.
        rate_hz: Rows a second, if that is known; 0 measures it, where the model wants a rate.
    """

    baud: int = 115200
    parser: str = ""
    timeout_s: float = _TIMEOUT_S
    rate_hz: float = 0.0


def open_serial(address: Address, columns: tuple[str, ...]) -> SerialLine:
    """Open a serial line.

    Raises:
        InputError: An option or the parser is wrong, or pyserial is not installed.
        UnavailableError: The port is not there, in use, or not for this user.
    """
    options = address.read_options(SerialOptions)
    name = f"serial:{address.place}"
    line = read_parser(Line, options.parser, where=name) if options.parser else Line(lines=Lines(columns))
    parser: Parser
    if line.packet is not None:
        parser = PacketParser(line.packet, columns, where=name)
    else:
        parser = LineParser(line.lines or Lines(columns), columns, where=name)
    serial = require("serial", extra="sensors", where=name)
    try:
        port: Port = serial.Serial(address.place, options.baud, timeout=options.timeout_s, exclusive=True)
    except (OSError, ValueError) as exc:  # SerialException is an OSError
        raise UnavailableError(f"{address.uri}: expected a serial port, got {exc}") from exc
    return SerialLine(name, port, parser, rate_hz=options.rate_hz or None)


class SerialLine:
    """A serial port whose bytes are parsed."""

    live = True
    clock: Clock = "arrival"
    slack: Slack | None = ARRIVALS

    def __init__(self, name: str, port: Port, parser: Parser, *, rate_hz: float | None = None) -> None:
        self.name, self.rate_hz = name, rate_hz
        self._port, self._parser = port, parser
        self._rows: list[tuple[list[float], int]] = []  # parsed, and not returned since some were lost before them
        self._stamp_ns = 0

    def read(self) -> Rows | None:
        """Return the rows that came, one at least; see `Sensor.read`."""
        data = b""
        while not self._rows:
            self._rows = self._parser.take(data)
            self._stamp_ns = monotonic_ns()
            data = b"" if self._rows else self._receive()
        end = next((i for i, (_, lost) in enumerate(self._rows) if i and lost), len(self._rows))
        rows, self._rows = self._rows[:end], self._rows[end:]
        values = np.array([row for row, _ in rows], np.float64)
        return Rows(values, np.full(end, self._stamp_ns), rows[0][1])

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def _receive(self) -> bytes:
        try:
            data = self._port.read(1) + self._port.read(self._port.in_waiting)
        except (OSError, TypeError) as exc:  # TypeError: closed meanwhile
            raise UnavailableError(f"{self.name}: expected bytes, got {exc}") from exc
        if not data:
            raise UnavailableError(f"{self.name}: expected bytes, got none in time", hint="is the baud rate right?")
        return data
