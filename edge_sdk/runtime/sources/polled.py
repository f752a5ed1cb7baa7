"""Values that are asked for at a rate of our own; moments that were missed are told as lost rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import Rows, Slack


def check_rate(rate_hz: float) -> None:
    """Check a rate that an address asks for.

    Raises:
        InputError: It is below one row in an hour, or more than 10,000 a second.
    """
    if not 1 / 3600 <= rate_hz <= 10_000:
        raise InputError(f"rate_hz: expected 1/3600 to 10000, got {rate_hz}")


class Polled:
    """A sensor that says its values when it is asked. A row is stamped with the time between question and answer."""

    live = True
    clock: Clock = "readout"
    slack: Slack | None = None

    def __init__(self, name: str, ask: Callable[[], Sequence[float]], *, rate_hz: float) -> None:
        """Prepare to ask.

        Args:
            name: What results call it.
            ask: Returns the values; raises `UnavailableError` where the sensor is gone.
            rate_hz: Rows a second.
        """
        self.name, self.rate_hz = name, rate_hz
        self._ask = ask
        self._period_ns = round(1e9 / rate_hz)
        self._due_ns: int | None = None
        self._closed = threading.Event()

    def read(self) -> Rows | None:
        """Wait until the next row is due, and ask for it; see `Sensor.read`."""
        now_ns = monotonic_ns()
        due_ns = now_ns if self._due_ns is None else self._due_ns
        lost = max(0, (now_ns - due_ns) // self._period_ns)
        due_ns += lost * self._period_ns
        self._due_ns = due_ns + self._period_ns
        if self._closed.wait(max(0.0, (due_ns - now_ns) / 1e9)):
            return None
        asked_ns = monotonic_ns()
        values = np.array([self._ask()], np.float64)
        return Rows(values, np.array([(asked_ns + monotonic_ns()) // 2]), lost)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
