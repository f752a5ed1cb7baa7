"""What an outbox takes, gives and counts."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.errors import InputError

ROW_BYTES = 32
"""What a row takes beside its own bytes, about."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Room of a stream.

    Attributes:
        max_bytes: What its rows may take on the disk, 32 bytes for each included; then the oldest go.
        max_row_bytes: The largest row; a larger one is refused.
    """

    max_bytes: int
    max_row_bytes: int = 256 << 10

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There is no room for a row.
        """
        if self.max_row_bytes < 1 or self.max_bytes < ROW_BYTES + 1:
            raise InputError(f"max_bytes: expected room for a row, got {self.max_bytes}, {self.max_row_bytes} a row")

    @property
    def largest_row_bytes(self) -> int:
        """The largest row that finds room."""
        return min(self.max_row_bytes, self.max_bytes - ROW_BYTES)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a stream.

    Attributes:
        log: Which numbering: 16 hexadecimal digits.
        next_seq: Number of the row that follows.
    """

    log: str
    next_seq: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a stream, of consecutive numbers.

    Attributes:
        log: Which numbering: 16 hexadecimal digits.
        first_seq: Number of the first row.
        rows: The rows, at least one.
        lost_before: Least number of this log that is still here.
    """

    log: str
    first_seq: int
    rows: tuple[bytes, ...]
    lost_before: int

    @property
    def end(self) -> Mark:
        """Where it ends."""
        return Mark(self.log, self.first_seq + len(self.rows))


@dataclass(frozen=True, slots=True)
class Account:
    """How a stream stands; what is counted is counted since the file was begun.

    Attributes:
        rows: Rows that wait.
        size_bytes: What they take, 32 bytes for each included.
        dropped: Oldest rows that went for want of room.
        oversize: Rows refused because they were too large.
        unwritten: Rows given up because the disk took none.
        set_aside: Rows that could not be sent, and do not hold up what is behind them.
    """

    rows: int = 0
    size_bytes: int = 0
    dropped: int = 0
    oversize: int = 0
    unwritten: int = 0
    set_aside: int = 0
