"""One JSON object a line, for programs: `jsonl:results.jsonl`, `jsonl:-`.

`jsonl:results.jsonl?max_mb=64&keep=4` begins a new file when the one in hand is full, and keeps so many full ones
beside it, `results.jsonl.1` the youngest: a board that runs for years does not fill its disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.lines import STANDARD_OUTPUT, LineWriter, Rotation, to_line
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address


@dataclass(frozen=True, slots=True)
class LineOptions:
    """What the address may ask for.

    Attributes:
        max_mb: Size of a file in megabytes (10^6 bytes) beyond which a new one is begun; None lets it grow.
        keep: How many full files are kept beside it.
    """

    max_mb: float | None = None
    keep: int = 4

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The size is not positive, or the number is negative.
        """
        if self.max_mb is not None and not self.max_mb > 0:
            raise InputError(f"max_mb: expected more than 0, got {self.max_mb:g}")
        if self.keep < 0:
            raise InputError(f"keep: expected 0 or more, got {self.keep}")


class JsonLines:
    """The fields of `Outcome.to_data`; a number that JSON cannot say (NaN, infinite) is null."""

    def __init__(self, address: Address, source: Source) -> None:
        """Open the file; see `LineWriter`.

        Raises:
            InputError: An option is wrong, or the standard output is to have a size.
            UnavailableError: It cannot be written.
        """
        self.name = f"jsonl:{address.place}"
        options = address.read_options(LineOptions)
        if options.max_mb is None:
            self._lines = LineWriter(address.place)
            return
        if address.place == STANDARD_OUTPUT:
            raise InputError(f"{address.uri}: expected a file for max_mb, got the standard output")
        self._lines = LineWriter(address.place, Rotation(round(options.max_mb * 1e6), options.keep))

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Write one line; see `Sink.write`."""
        self._lines.write(to_line(outcome.to_data()))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
