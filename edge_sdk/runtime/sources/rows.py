"""Rows of sensor values from a CSV file: `log.csv`, `rows:log.csv?rate_hz=100`, `rows:log.csv?time=t_s&pace=real`.

- The first line names the columns; others than those of the model are passed over.
- A row that lacks a number is told by its line; what the model declares for gaps is done about it.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import EXACT, Rows
from edge_sdk.runtime.sources.paced import Pace, Paced
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import Sensor

_BLOCK_ROWS = 256
UNITS_NS = {"_ns": 1.0, "_us": 1e3, "_ms": 1e6, "": 1e9}
"""What a time is in, by the end of its column's name."""


@dataclass(frozen=True, slots=True)
class RowOptions:
    """What the address may say.

    Attributes:
        rate_hz: Rows that were recorded a second; 0 means 1, or what the column of times tells.
        time: The column of times, in seconds, or in what its name ends with: `_ms`, `_us`, `_ns`.
        pace: `fast` as the model takes them, or `real` as they were recorded.
    """

    rate_hz: float = 0.0
    time: str = ""
    pace: Pace = "fast"

    def __post_init__(self) -> None:
        """Check the rate.

        Raises:
            InputError: It is negative.
        """
        if not self.rate_hz >= 0:
            raise InputError(f"rate_hz: expected more than 0, got {self.rate_hz}")


def open_rows(address: Address, columns: tuple[str, ...]) -> Sensor:
    """Open a CSV file of rows.

    Raises:
        InputError: It is not there, a column is missing, or an option is wrong.
    """
    options = address.read_options(RowOptions)
    recording = CsvRows(Path(address.place), columns, options)
    return Paced(recording) if options.pace == "real" else recording


class CsvRows:
    """A CSV file. A row is stamped by the column of times, or by its number divided by `rate_hz`."""

    live = False
    clock: Clock = "file"

    def __init__(self, path: Path, columns: tuple[str, ...], options: RowOptions) -> None:
        """Open the file and find the columns.

        Raises:
            InputError: It is not there, or a column is missing.
        """
        self.name = str(path)
        self.rate_hz = options.rate_hz or (None if options.time else 1.0)
        self.slack = EXACT if options.time else None
        try:
            self._file = path.open(newline="", encoding="utf-8-sig", errors="replace")
        except OSError as exc:
            raise unreadable(path, exc) from exc
        self._reader = csv.reader(self._file)
        self._has_time = bool(options.time)
        wanted = (*columns, options.time) if self._has_time else columns
        self._columns = _find(wanted, next(self._reader, []), where=self.name)
        self._unit_ns = next(unit for end, unit in UNITS_NS.items() if options.time.endswith(end))
        self._row, self._lost = -1, 0
        self._before_ns = -math.inf
        self._failure: InputError | None = None

    def read(self) -> Rows | None:
        """Return the next rows; see `Sensor.read`."""
        numbers = [] if self._failure else self._read_block()
        if numbers:
            block = np.array(numbers)
            lost, self._lost = self._lost, 0
            return Rows(block[:, :-1], np.round(block[:, -1]).astype(np.int64), lost)
        if self._failure:
            failure, self._failure = self._failure, None
            self._lost += 1
            raise failure
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._reader = csv.reader(())

    def _read_block(self) -> list[list[float]]:
        """Return the numbers of the next rows, behind each its time in nanoseconds, up to one that lacks some."""
        block: list[list[float]] = []
        try:
            for cells in islice(self._reader, _BLOCK_ROWS):
                self._row += 1
                block.append(self._numbers(cells))
        except (csv.Error, IndexError, ValueError) as exc:
            wanted = ", ".join(self._columns)
            self._failure = InputError(f"{self.name}:{self._reader.line_num}: expected numbers in {wanted}, got {exc}")
        return block

    def _numbers(self, cells: list[str]) -> list[float]:
        numbers = [_finite(cells[column]) for column in self._columns.values()]
        if not self._has_time:
            return [*numbers, self._row * 1e9 / (self.rate_hz or 1.0)]
        numbers[-1] *= self._unit_ns
        if numbers[-1] <= self._before_ns:
            raise ValueError("a time that is not behind the one before")
        self._before_ns = numbers[-1]
        return numbers


def _find(columns: tuple[str, ...], header: list[str], *, where: str) -> dict[str, int]:
    for name in columns:
        if name not in header:
            raise InputError(
                f"{where}: expected a column {name}, got {', '.join(header) or 'an empty file'}"
                + records.near_match(name, header)
            )
    return {name: header.index(name) for name in columns}


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"'{cell}'")
    return value
