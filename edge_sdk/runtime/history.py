"""What a sensor said lately, by time: "this frame and the 200 ms of vibration before it" is one line.

    with follow("iio:lsm6ds3_accel?buffer=1", ("accel_x",), seconds=10) as vibration:
        rows = vibration.before(sample.captured_ns, 0.2)

- Frames and rows are stamped on one clock, CLOCK_MONOTONIC: the capture time of a frame asks for the rows of that
  moment, whatever either of them took to come here.
- What is kept has two bounds, seconds and rows.
- A sensor that goes is opened again, after 1 to 30 s; until then `failure` says why there is nothing new.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import numpy as np

from edge_sdk.errors import EdgeError, InputError, UnavailableError
from edge_sdk.runtime.rows import Rows
from edge_sdk.runtime.sources import Sensor, open_sensor

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LAST_READ_S = 1.0


class History:
    """The last rows of a sensor; one thread adds, others ask.

    Attributes:
        columns: Names of the values.
        failure: Why nothing new comes, or None.
        unreadable: How many rows could not be read.
    """

    def __init__(self, columns: tuple[str, ...], *, seconds: float, max_rows: int = 1_000_000) -> None:
        """Keep nothing yet.

        Args:
            columns: Names of the values of a row.
            seconds: How far it reaches back from the newest row.
            max_rows: How many rows it holds at most; the oldest go first.

        Raises:
            InputError: It would hold nothing.
        """
        if not (seconds > 0 and max_rows > 0):
            raise InputError(f"seconds, max_rows: expected more than 0, got {seconds} and {max_rows}")
        self.columns = columns
        self.failure: EdgeError | None = None
        self.unreadable = 0
        self._span_ns, self._max_rows = round(seconds * 1e9), max_rows
        self._blocks: deque[Rows] = deque()
        self._count = 0
        self._changed = threading.Condition()

    def add(self, rows: Rows) -> None:
        """Take rows, none older than those before, and let go of what is too old or too many then."""
        if not len(rows.values):
            return
        with self._changed:
            self._blocks.append(rows)
            self._count += len(rows.values)
            self._trim(int(rows.stamps_ns[-1]) - self._span_ns)
            self._changed.notify_all()

    def before(self, captured_ns: int, seconds: float, *, timeout_s: float = 0.0) -> Rows:
        """Return the rows of the last `seconds` up to a moment, that moment within, its start not.

        Args:
            captured_ns: The moment, such as `Sample.captured_ns`.
            seconds: How far back from it.
            timeout_s: How long to wait until the sensor has come to that moment: its rows may arrive later than frames.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_come_to(captured_ns), timeout_s)
            blocks = tuple(self._blocks)
        values = np.concatenate([np.empty((0, len(self.columns))), *(block.values for block in blocks)])
        stamps_ns = np.concatenate([np.empty(0, np.int64), *(block.stamps_ns for block in blocks)])
        start, end = np.searchsorted(stamps_ns, [captured_ns - round(seconds * 1e9), captured_ns], side="right")
        return Rows(values[start:end], stamps_ns[start:end])

    def _has_come_to(self, captured_ns: int) -> bool:
        return bool(self._blocks) and int(self._blocks[-1].stamps_ns[-1]) >= captured_ns

    def _trim(self, oldest_ns: int) -> None:
        while self._blocks:
            block = self._blocks[0]
            gone = max(int(np.searchsorted(block.stamps_ns, oldest_ns)), self._count - self._max_rows)
            if gone <= 0:
                return
            self._blocks.popleft()
            self._count -= min(gone, len(block.values))
            if gone < len(block.values):
                self._blocks.appendleft(Rows(block.values[gone:].copy(), block.stamps_ns[gone:].copy()))
                return


@contextmanager
def follow(uri: str, columns: tuple[str, ...], *, seconds: float) -> Iterator[History]:
    """Keep what a sensor says, read by a thread of its own, as long as the `with` lasts.

    Args:
        uri: Such as `iio:lsm6ds3_accel?buffer=1`.
        columns: Which of its values, in which order.
        seconds: How far back.

    Raises:
        InputError: The address is not understood, or the sensor has no such column.
        UnavailableError: The sensor is not there now.
    """
    sensor = open_sensor(uri, columns)
    history, stopped = History(columns, seconds=seconds), threading.Event()
    feeding = threading.Thread(
        target=_feed,
        args=(history, sensor, lambda: open_sensor(uri, columns), stopped),
        name=f"history {uri}",
        daemon=True,
    )
    feeding.start()
    try:
        yield history
    finally:
        stopped.set()
        feeding.join(_LAST_READ_S)


def _feed(history: History, sensor: Sensor, reopen: Callable[[], Sensor], stopped: threading.Event) -> None:
    current: Sensor | None = sensor
    while current is not None:
        with closing(current):
            is_over = _read(history, current, stopped)
        current = None if is_over else _open_again(history, reopen, stopped)


def _open_again(history: History, reopen: Callable[[], Sensor], stopped: threading.Event) -> Sensor | None:
    pause_s = _FIRST_PAUSE_S
    while not stopped.wait(pause_s):
        try:
            return reopen()
        except EdgeError as exc:
            history.failure, pause_s = exc, min(_LONGEST_PAUSE_S, 2 * pause_s)
    return None


def _read(history: History, sensor: Sensor, stopped: threading.Event) -> bool:
    """Read a sensor until it goes; return whether that is the end."""
    while not stopped.is_set():
        try:
            rows = sensor.read()
        except InputError:
            history.unreadable += 1
            continue
        except UnavailableError as exc:
            history.failure = exc
            return False
        if rows is None:
            return True
        history.failure = None
        history.add(rows)
    return True
