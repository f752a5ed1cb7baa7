"""One JSON object a line, for programs: `jsonl:results.jsonl`, `jsonl:-`."""

from __future__ import annotations

import json

from edge_sdk import records
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.lines import LineWriter
from edge_sdk.runtime.sources import Source


class JsonLines:
    """The fields of `Outcome.to_data`; a number that JSON cannot say (NaN, infinite) is null."""

    def __init__(self, place: str, source: Source) -> None:
        """Open the file; see `LineWriter`."""
        self.name = f"jsonl:{place}"
        self._lines = LineWriter(place)

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Write one line; see `Sink.write`."""
        self._lines.write(_to_json(outcome.to_data()))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def _to_json(data: object) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:  # rare, and the walk costs more than the writing
        return json.dumps(records.to_data(data), ensure_ascii=False)
