"""Rows as a sensor delivers them become the model's windows: gaps filled as declared, brought to the rate, cut.

- Rows without a gap and at the model's rate give the windows that `preprocess.cut_windows` cuts out of the whole.
- No window spans a gap that is not filled. Windows that are lost to one are missing in `number`, so that they are seen.
- A rate within 2 % of the model's is taken as it is; another one is resampled. A rate that the sensor does not know, or
  only claims, is measured over its first two seconds.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from edge_sdk.preprocess import WindowSteps
from edge_sdk.preprocess.resample import Resampler
from edge_sdk.runtime.rows import Rows, Slack, fill_gap, split_at_gaps
from edge_sdk.tensors import Array

_TOLERANCE = 0.02
_MEASURED_NS = 2_000_000_000
_MEASURED_ROWS = 16
_FEW_ROWS = 8
_RECENT_ROWS = 64


class Window(NamedTuple):
    """One window.

    Attributes:
        values: float64 [samples, columns].
        captured_ns: The time of its last row.
        number: From 0; a gap is as many windows as were lost.
    """

    values: Array
    captured_ns: int
    number: int


class WindowCutter:
    """Makes windows of stamped rows; it keeps hardly more than one window of them."""

    def __init__(self, steps: WindowSteps, *, rate_hz: float | None = None, slack: Slack | None = None) -> None:
        """Prepare for the rows of one sensor.

        Args:
            steps: What the model takes.
            rate_hz: Rows a second that the sensor delivers; None to measure it, where the model wants a rate.
            slack: Which steps between stamps are gaps; None if only `Rows.lost` tells them.

        Raises:
            InputError: The rate is too far from the model's.
        """
        self._steps, self._slack = steps, slack
        self._rate_hz = rate_hz
        self._matcher = _matcher(steps, rate_hz)
        self._cutter = _Cutter(steps)
        self._last: Rows | None = None
        self._measured: list[Rows] = []
        self._recent_ns: deque[int] = deque(maxlen=_RECENT_ROWS)

    def add(self, rows: Rows) -> list[Window]:
        """Take rows, and return the windows that they complete.

        Raises:
            InputError: The measured rate is too far from the model's.
        """
        if not len(rows.values):
            return []
        if self._rate_hz is None and self._steps.rate_hz is not None:
            return self._measure(rows)
        period_ns = 1e9 / self._rate_hz if self._rate_hz else self._usual_step_ns(rows)
        if self._slack is None or not period_ns:
            return self._add(rows)
        parts = split_at_gaps(rows, self._last, limit_ns=self._slack.limit_ns(period_ns), period_ns=period_ns)
        return [window for part in parts for window in self._add(part)]

    def finish(self) -> list[Window]:
        """Return the windows that the end of a recording completes: what the resampler still holds."""
        waiting, self._measured = self._measured, []
        if waiting:
            self._take_rate(waiting)
        windows = [window for rows in waiting for window in self.add(rows)]
        return windows + self._flush()

    def _measure(self, rows: Rows) -> list[Window]:
        """Keep rows until they tell their rate, then take them all."""
        self._measured.append(rows)
        span_ns = rows.stamps_ns[-1] - self._measured[0].stamps_ns[0]
        if span_ns < _MEASURED_NS or sum(len(rows.values) for rows in self._measured) < _MEASURED_ROWS:
            return []
        waiting, self._measured = self._measured, []
        self._take_rate(waiting)
        return [window for rows in waiting for window in self.add(rows)]

    def _take_rate(self, waiting: list[Rows]) -> None:
        """Take the mean distance of rows as their period, gaps left out."""
        steps_ns = np.diff(np.concatenate([rows.stamps_ns for rows in waiting]))
        if self._slack is not None and len(steps_ns):
            usual_ns = float(np.median(steps_ns) or np.mean(steps_ns))
            steps_ns = steps_ns[steps_ns <= self._slack.limit_ns(usual_ns)]
        period_ns = float(np.mean(steps_ns)) if len(steps_ns) else 0.0
        self._rate_hz = 1e9 / period_ns if period_ns > 0 else self._steps.rate_hz
        self._matcher = _matcher(self._steps, self._rate_hz)

    def _usual_step_ns(self, rows: Rows) -> float:
        """Return the usual distance of the rows that came last; 0 as long as they are too few to say."""
        if self._slack is not None:
            before = self._last.stamps_ns if self._last is not None else rows.stamps_ns[:0]
            self._recent_ns.extend(np.diff(np.concatenate([before, rows.stamps_ns])).tolist())
        if len(self._recent_ns) < _FEW_ROWS:
            return 0.0
        return float(np.median(self._recent_ns) or np.mean(self._recent_ns))

    def _add(self, rows: Rows) -> list[Window]:
        """Take rows with no gap but the one before them."""
        windows: list[Window] = []
        whole = fill_gap(self._steps, rows, self._last) if rows.lost else rows
        if whole is None:
            windows += self._flush()
            self._cutter.skip(rows.lost * (self._matcher.ratio if self._matcher else 1.0))
            whole = rows
        self._last = whole.last
        return windows + self._cutter.cut(self._matcher.add(whole) if self._matcher else whole)

    def _flush(self) -> list[Window]:
        return self._cutter.cut(self._matcher.finish()) if self._matcher else []


class _Matcher:
    """Rows at the sensor's rate to rows at the model's, stamps and all."""

    def __init__(self, from_hz: float, to_hz: float, columns: int) -> None:
        self.ratio = to_hz / from_hz
        self._resampler = Resampler(from_hz, to_hz)
        self._columns = columns
        self._restart()

    def _restart(self) -> None:
        self._resampler.restart()
        self._stamps_ns = np.empty(0, np.int64)
        self._first = 0  # the row of the first stamp

    def add(self, rows: Rows) -> Rows:
        self._stamps_ns = np.concatenate([self._stamps_ns, rows.stamps_ns])
        return self._stamp(*self._resampler.add(rows.values))

    def finish(self) -> Rows:
        rows = self._stamp(*self._resampler.finish())
        self._restart()
        return rows

    def _stamp(self, values: Array, places: Array) -> Rows:
        if not len(places):
            return Rows(np.empty((0, self._columns)), np.empty(0, np.int64))
        origin_ns = self._stamps_ns[0]  # so that floats hold nanoseconds
        numbers = self._first + np.arange(len(self._stamps_ns))
        stamps_ns = origin_ns + np.round(np.interp(places, numbers, self._stamps_ns - origin_ns)).astype(np.int64)
        needed = min(int(places[-1]), int(numbers[-1]))
        self._stamps_ns, self._first = self._stamps_ns[needed - self._first :], needed
        return Rows(values, stamps_ns)


class _Cutter:
    """Rows at the model's rate to windows."""

    def __init__(self, steps: WindowSteps) -> None:
        self._samples, self._hop = steps.samples, steps.hop
        self._rows = Rows(np.empty((0, len(steps.columns))), np.empty(0, np.int64))
        self._wait = 0  # rows to leave away, where windows lie apart
        self._place = 0.0  # of the first row kept, counted with the lost ones
        self._number, self._ended = -1, float(steps.samples - steps.hop)

    def skip(self, lost: float) -> None:
        """Forget the rows, since so many are missing: the next window starts with the next row."""
        self._place += len(self._rows.values) + lost
        self._rows = Rows(self._rows.values[:0], self._rows.stamps_ns[:0])
        self._wait = 0

    def cut(self, rows: Rows) -> list[Window]:
        """Take rows, and return the windows that they complete."""
        values = np.concatenate([self._rows.values, rows.values])
        stamps_ns = np.concatenate([self._rows.stamps_ns, rows.stamps_ns])
        self._rows = Rows(values, stamps_ns)
        self._drop(0)
        windows = []
        while len(self._rows.values) >= self._samples:
            windows.append(self._window())
            self._drop(self._hop)
        return windows

    def _window(self) -> Window:
        end = self._place + self._samples
        self._number += max(1, round((end - self._ended) / self._hop))
        self._ended = end
        return Window(
            self._rows.values[: self._samples].copy(), int(self._rows.stamps_ns[self._samples - 1]), self._number
        )

    def _drop(self, rows: int) -> None:
        """Leave away rows from the start, those to come too."""
        self._wait += rows
        gone = min(self._wait, len(self._rows.values))
        self._wait -= gone
        self._place += gone
        self._rows = Rows(self._rows.values[gone:], self._rows.stamps_ns[gone:])


def _matcher(steps: WindowSteps, rate_hz: float | None) -> _Matcher | None:
    if rate_hz is None or steps.rate_hz is None or abs(rate_hz / steps.rate_hz - 1) <= _TOLERANCE:
        return None
    return _Matcher(rate_hz, steps.rate_hz, len(steps.columns))
