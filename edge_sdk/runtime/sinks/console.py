"""A line a result, for people: `console`; of a live source, one a second. Names cannot drive the terminal."""

from __future__ import annotations

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.draw import captions
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.lines import STANDARD_OUTPUT, LineWriter
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address

_LIVE_PERIOD_NS = 1_000_000_000
_TOLD = 5


class Console:
    """The standard output."""

    def __init__(self, address: Address, source: Source) -> None:
        """Find the standard output; see `LineWriter`."""
        self.name = "console"
        address.refuse_options()
        self._lines = LineWriter(STANDARD_OUTPUT)
        self._period_ns = _LIVE_PERIOD_NS if source.live else 0
        self._next_ns = 0

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Write one line; see `Sink.write`."""
        now_ns = monotonic_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + self._period_ns
        told = captions(outcome.value, outcome.labels)
        more = f" and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        age = "" if outcome.age_ms is None else f"  {outcome.age_ms:.0f} ms old"
        line = f"{sample.source} #{sample.seq}{age}: {', '.join(told[:_TOLD]) or 'nothing'}{more}"
        self._lines.write("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line))

    def close(self) -> None:
        """Leave the standard output open for others."""
        self._lines.close()
