"""The worker's way into the outbox: each result is a row of JSON, on the disk within a quarter of a second."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from edge_sdk.agent.worker.messages import Begin
from edge_sdk.errors import InputError
from edge_sdk.outbox import Limit, Outbox
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.lines import to_line


class OutboxSink:
    """Results, as `Outcome.to_data` has them, with `unix_s`: when that was by this board's clock, in seconds."""

    name = "outbox"

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @classmethod
    def open(cls, begin: Begin) -> OutboxSink:
        """Open the outbox that a worker is told of; a disk that refuses ends no worker (see `Outbox.open`)."""
        return cls(Outbox.open(Path(begin.outbox), {"results": Limit(begin.outbox_bytes["results"])}))

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Put one result; see `Sink.write`. One that is too large is counted by the outbox, and ends no run."""
        row = {"unix_s": round(time.time(), 3), **outcome.to_data()}
        with suppress(InputError):
            self._outbox.put("results", to_line(row).encode(errors="backslashreplace"))

    def close(self) -> None:
        """Have what was put on the disk; closing twice is harmless."""
        self._outbox.close()
