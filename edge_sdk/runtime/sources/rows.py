"""Rows of sensor values from a CSV file, cut into the model's windows: `log.csv`, `rows:log.csv?rate_hz=100`.

- The first line names the columns; others than those of the model are passed over.
- A row that lacks a number is told by its line, and the next window starts after it: windows have no holes.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.files import unreadable
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.windows import WindowCutter
from edge_sdk.tensors import Array


@dataclass(frozen=True, slots=True)
class RowOptions:
    """What the address may say: how many rows were recorded a second."""

    rate_hz: float = 1.0

    def __post_init__(self) -> None:
        """Check the rate.

        Raises:
            InputError: It is not positive.
        """
        if not self.rate_hz > 0:
            raise InputError(f"rate_hz: expected more than 0, got {self.rate_hz}")


class Rows:
    """A CSV file. A window is stamped with the place of its last row: the row's number divided by `rate_hz`."""

    live = False

    def __init__(self, address: Address) -> None:
        """Open the file and find the columns.

        Raises:
            InputError: It is not there, a column is missing, or the model takes no windows.
        """
        if address.window is None:
            raise InputError(f"{address.uri}: expected a model that takes windows of rows, got one that does not")
        self.name = address.place
        self._rate_hz = address.read_options(RowOptions).rate_hz
        self.fps = self._rate_hz / address.window.hop
        self._cutter = WindowCutter(address.window)
        try:
            self._file = Path(address.place).open(newline="", encoding="utf-8-sig", errors="replace")  # noqa: SIM115  closed in close
        except OSError as exc:
            raise unreadable(Path(address.place), exc) from exc
        self._reader = csv.reader(self._file)
        self._columns = _find(address.window.columns, next(self._reader, []), where=self.name)
        self._row = self._next = 0

    def read(self) -> Sample | None:
        """Return the next window; see `Source.read`."""
        try:
            for cells in self._reader:
                self._row += 1
                window = self._cutter.add([_finite(cells[column]) for column in self._columns.values()])
                if window is not None:
                    return self._sample(window)
        except (csv.Error, IndexError, ValueError) as exc:
            self._cutter.restart()
            wanted = ", ".join(self._columns)
            raise InputError(f"{self.name}:{self._reader.line_num}: expected numbers in {wanted}, got {exc}") from exc
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _sample(self, window: Array) -> Sample:
        seq, self._next = self._next, self._next + 1
        captured_ns = round((self._row - 1) / self._rate_hz * 1e9)
        return Sample(window, seq, captured_ns=captured_ns, clock="file", source=self.name)


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
