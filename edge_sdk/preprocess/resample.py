"""Rows of one rate to rows of another: polyphase, by a windowed sinc; the same whether rows come at once or one by one.

- The ratio of the rates is taken as a fraction of small numbers, so that positions are whole numbers and never drift.
- Going down, what the slower rate cannot hold is filtered out first: nothing is folded back.
- A constant stays exactly constant: each phase of the filter sums to 1.
- Before the first and behind the last row, the row at the border is taken to go on.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.tensors import Array

_CROSSINGS = 32
"""Zero crossings of the sinc on either side."""
_PASSED = 0.92
"""Share of the lower of the two bands that is passed; the rest is the filter's slope."""
_KAISER_BETA = 8.0
_MOST_PHASES = 4096
_MOST_RATIO = 256


class Resampler:
    """Brings rows from one rate to another as they come."""

    def __init__(self, from_hz: float, to_hz: float) -> None:
        """Prepare the filter.

        Args:
            from_hz: Rows a second that come.
            to_hz: Rows a second that are wanted.

        Raises:
            InputError: A rate is not positive, or one is more than 256 times the other.
        """
        if not (from_hz > 0 and to_hz > 0 and 1 / _MOST_RATIO <= from_hz / to_hz <= _MOST_RATIO):
            raise InputError(
                f"rate_hz: expected rates within {_MOST_RATIO} times each other, got {from_hz} and {to_hz}"
            )
        ratio = Fraction(from_hz / to_hz).limit_denominator(int(_MOST_PHASES / max(1, from_hz / to_hz)))  # small table
        self._down, self._up = ratio.numerator, ratio.denominator
        cutoff = min(1.0, self._up / self._down)
        self._half = int(np.ceil(_CROSSINGS / cutoff))
        self._filter = _phases(self._up, self._half, cutoff * _PASSED)
        self.restart()

    def restart(self) -> None:
        """Forget the rows: the next one starts a recording of its own."""
        self._rows: Array | None = None
        self._first = self._next = 0  # the row that `_rows` starts with; the number of the next result

    def add(self, rows: Array) -> tuple[Array, Array]:
        """Take rows [n, columns].

        Returns:
            The rows that can be told now, and where they lie, counted in rows that came since the restart.
        """
        if not len(rows):
            return rows, np.empty(0)
        if self._rows is None:
            self._first = -self._half
            self._rows = np.repeat(rows[:1], self._half, axis=0)
        self._rows = np.concatenate([self._rows, rows])
        return self._take(self._first + len(self._rows) - self._half)

    def finish(self) -> tuple[Array, Array]:
        """Return what is left, at the end of a recording; see `add`."""
        if self._rows is None:
            return np.empty((0, 0)), np.empty(0)
        end = self._first + len(self._rows)
        self._rows = np.concatenate([self._rows, np.repeat(self._rows[-1:], self._half, axis=0)])
        return self._take(end)

    def _take(self, end: int) -> tuple[Array, Array]:
        """Return the results that lie before the row `end`, and forget the rows that no later one needs."""
        assert self._rows is not None  # noqa: S101  only called with rows
        last = -(-end * self._up // self._down)
        numbers = np.arange(self._next, max(self._next, last))
        whole, phase = np.divmod(numbers * self._down, self._up)
        taps = whole[:, np.newaxis] - self._first + np.arange(1 - self._half, self._half + 1)
        values = np.einsum("mt,mtc->mc", self._filter[phase], self._rows[taps])
        self._next = max(self._next, last)
        needed = self._next * self._down // self._up + 1 - self._half
        self._rows, self._first = self._rows[max(0, needed - self._first) :], max(needed, self._first)
        return values, numbers * (self._down / self._up)


def resample(rows: Array, *, from_hz: float, to_hz: float) -> Array:
    """Return a whole recording [rows, columns] at another rate.

    Raises:
        InputError: See `Resampler`.
    """
    resampler = Resampler(from_hz, to_hz)
    parts = [resampler.add(rows[start : start + 4096])[0] for start in range(0, len(rows), 4096)]
    return np.concatenate([*parts, resampler.finish()[0]]) if parts else rows


def _phases(up: int, half: int, cutoff: float) -> Array:
    """Return the filter of each phase, [up, 2 * half]: a sinc under a Kaiser window."""
    distances = np.arange(up)[:, np.newaxis] / up - np.arange(1 - half, half + 1)
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (distances / half) ** 2)))
    filters = np.sinc(cutoff * distances) * window
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))
