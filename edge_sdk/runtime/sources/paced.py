"""A recording as if it came now: its rows at their own pace, stamped with the time at which they are due."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import Rows
from edge_sdk.runtime.sources.sensor import Sensor

Pace = Literal["fast", "real"]


class Paced:
    """A sensor around one that reads a recording."""

    live = True
    clock: Clock = "arrival"

    def __init__(self, recording: Sensor) -> None:
        self.name, self.rate_hz, self.slack = recording.name, recording.rate_hz, recording.slack
        self._recording = recording
        self._rows: Rows | None = None  # those that are not due yet
        self._start_ns: int | None = None  # what is added to the recording's stamps

    def read(self) -> Rows | None:
        """Wait for the next row, and return all that are due; see `Sensor.read`."""
        rows = self._rows or self._recording.read()
        if rows is None or not len(rows.values):
            return rows
        if self._start_ns is None:
            self._start_ns = monotonic_ns() - int(rows.stamps_ns[0])
        time.sleep(max(0.0, (self._start_ns + int(rows.stamps_ns[0]) - monotonic_ns()) / 1e9))
        due = max(1, int(np.searchsorted(rows.stamps_ns, monotonic_ns() - self._start_ns, side="right")))
        self._rows = Rows(rows.values[due:], rows.stamps_ns[due:]) if due < len(rows.values) else None
        return Rows(rows.values[:due], rows.stamps_ns[:due] + self._start_ns, rows.lost)

    def close(self) -> None:
        """Close the recording."""
        self._rows = None
        self._recording.close()
