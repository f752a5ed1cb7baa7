"""Stamped rows of sensor values, and what is done where some of them are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from edge_sdk.preprocess import WindowSteps
from edge_sdk.tensors import Array


class Slack(NamedTuple):
    """How far two stamps must lie apart for rows to be missing between them: more than both.

    Attributes:
        periods: As a number of periods.
        seconds: As a time.
    """

    periods: float
    seconds: float

    def limit_ns(self, period_ns: float) -> float:
        """Return the longest step that is no gap."""
        return max(self.periods * period_ns, self.seconds * 1e9)


EXACT = Slack(1.5, 0.0)
"""Of stamps that say when a row was measured."""
ARRIVALS = Slack(1.5, 1.0)
"""Of stamps that say when a row came here: rows come in bursts, and a silence is a gap."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows that a sensor delivered together.

    Attributes:
        values: float64 [rows, columns].
        stamps_ns: When each was captured, int64 [rows], never falling.
        lost: Rows that are missing before the first.
    """

    values: Array
    stamps_ns: Array
    lost: int = 0

    @property
    def last(self) -> Rows:
        """The last row alone."""
        return Rows(self.values[-1:], self.stamps_ns[-1:])


def split_at_gaps(rows: Rows, last: Rows | None, *, limit_ns: float, period_ns: float) -> Iterator[Rows]:
    """Yield rows in parts, a new one where a step between stamps says that rows are missing before it.

    Args:
        rows: What came, one row or more.
        last: The row before, if any.
        limit_ns: The longest step that is no gap.
        period_ns: The usual step.
    """
    before_ns = rows.stamps_ns[0] if last is None else last.stamps_ns[0]
    steps_ns = np.diff(rows.stamps_ns, prepend=before_ns)
    missing = np.where(steps_ns > limit_ns, np.round(steps_ns / period_ns).astype(np.int64) - 1, 0)
    missing[0] = max(missing[0], rows.lost)
    starts = np.flatnonzero(missing[1:]) + 1
    parts = zip(np.split(rows.values, starts), np.split(rows.stamps_ns, starts), [0, *starts], strict=True)
    yield from (Rows(values, stamps_ns, int(missing[start])) for values, stamps_ns, start in parts)


def fill_gap(steps: WindowSteps, rows: Rows, last: Rows | None) -> Rows | None:
    """Return rows with the missing ones before them made up as declared, or None where they must not be.

    Args:
        steps: The rule.
        rows: What came, with `lost` rows before it.
        last: The row before those, if any.
    """
    if last is None or not 0 < rows.lost <= steps.gap_rows:
        return None
    shares = (np.arange(rows.lost) + 1) / (rows.lost + 1)
    before, first = last.values[0], rows.values[0]
    rises = shares[:, np.newaxis] * (first - before) if steps.gap == "interpolate" else np.zeros((rows.lost, 1))
    stamps_ns = last.stamps_ns[0] + np.round(shares * (rows.stamps_ns[0] - last.stamps_ns[0])).astype(np.int64)
    return replace(
        rows,
        values=np.concatenate([before + rises, rows.values]),
        stamps_ns=np.concatenate([stamps_ns, rows.stamps_ns]),
        lost=0,
    )
