"""What a batch adds to a line of numbered rows: pure, so that every order of coming can be tried."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.wire.messages import Batch


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch adds.

    Attributes:
        next_seq: The number that is awaited after it.
        first_seq: Number of the first row that is new.
        rows: The rows that are new.
        repeated: How many of its rows were here.
        missing: How many numbers are skipped, because their device has them no longer.
        early: How many of its rows are not taken, because others are still to come before them.
    """

    next_seq: int
    first_seq: int
    rows: tuple[bytes, ...] = ()
    repeated: int = 0
    missing: int = 0
    early: int = 0


def follow(next_seq: int, batch: Batch) -> Step:
    """Return what a batch adds to a line that awaits a number.

    Args:
        next_seq: The number that is awaited.
        batch: What came.
    """
    least = max(next_seq, batch.lost_before)
    missing, repeated = least - next_seq, least - batch.first_seq
    if repeated < 0:
        return Step(least, least, missing=missing, early=len(batch.rows))
    rows = batch.rows[repeated:]
    return Step(least + len(rows), least, rows, min(repeated, len(batch.rows)), missing)
