"""What all sensors share: they deliver stamped rows, and become sources of the model's windows."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.rows import Rows, Slack
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.windows import Window, WindowCutter


class Sensor(Protocol):
    """Where rows of numbers come from, opened; read from one thread.

    Attributes:
        name: What results and messages call it; never with a password.
        live: Whether time goes on while nobody reads.
        clock: What its stamps are.
        rate_hz: Rows a second, where that is exact; None if it must be measured, or does not matter.
        slack: Which steps between stamps are gaps; None if it tells gaps by itself.
    """

    name: str
    live: bool
    clock: Clock
    rate_hz: float | None
    slack: Slack | None

    def read(self) -> Rows | None:
        """Return the rows that came next, or None at the end; a live sensor waits for them, with a limit.

        Raises:
            InputError: A row cannot be read; the next call goes on behind it.
            UnavailableError: The sensor is gone.
        """

    def close(self) -> None:
        """Give the sensor back; closing twice is harmless."""


class SensorWindows:
    """A sensor as a source: its rows, cut into the model's windows."""

    def __init__(self, sensor: Sensor, steps: WindowSteps) -> None:
        """Take over an opened sensor.

        Raises:
            InputError: Its rate is too far from the model's.
        """
        self.name, self.live = sensor.name, sensor.live
        self.fps = (steps.rate_hz or sensor.rate_hz or 0.0) / steps.hop
        self._sensor = sensor
        self._cutter = WindowCutter(steps, rate_hz=sensor.rate_hz, slack=sensor.slack)
        self._ready: deque[Window] = deque()

    def read(self) -> Sample | None:
        """Return the next window; see `Source.read`."""
        while not self._ready:
            rows = self._sensor.read()
            self._ready.extend(self._cutter.finish() if rows is None else self._cutter.add(rows))
            if rows is None and not self._ready:
                return None
        values, captured_ns, number = self._ready.popleft()
        return Sample(values, number, captured_ns=captured_ns, clock=self._sensor.clock, source=self.name)

    def close(self) -> None:
        """Close the sensor, and forget what is not read."""
        self._ready.clear()
        self._sensor.close()


def channels_of(told: str, columns: tuple[str, ...], address: Address) -> tuple[str, ...]:
    """Return the names that a device has for the model's columns: those that the address tells, or the same.

    Raises:
        InputError: The address tells more or fewer.
    """
    channels = tuple(told.split(",")) if told else columns
    if len(channels) != len(columns):
        wanted = ", ".join(columns)
        raise InputError(f"{address.uri}: expected channels for {wanted}, got {', '.join(channels)}")
    return channels
