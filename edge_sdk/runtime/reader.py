"""One source of a run: a thread that reads it into its inbox, always, so that no driver's queue decides what is old.

- A sample that cannot be read is counted and told, and the reading goes on.
- A gap in the numbers of a source is a sample that was lost before us, unless it was one that could not be read.
- The thread closes the source: nobody else may touch a source while a read may still hang in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.runtime.accounting import Ledger
from edge_sdk.runtime.failures import Failures
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.inbox import Inbox
from edge_sdk.runtime.metrics import Stages
from edge_sdk.runtime.record import Feed


class Reader:
    """The reading of one source.

    Attributes:
        name: The source's.
        death: What ended the source before its end, or None.
    """

    def __init__(self, feed: Feed, inbox: Inbox, ledger: Ledger, *, failures: Failures, stages: Stages) -> None:
        self.name = feed.source.name
        self.death: BaseException | None = None
        self._feed, self._inbox, self._ledger = feed, inbox, ledger
        self._failures, self._stages = failures, stages
        self._wants_more: Callable[[], bool] = lambda: True
        self._last_seq: int | None = None
        self._unreadable = 0
        self._thread = threading.Thread(target=self._run, name=f"source {self.name}", daemon=True)

    def start(self, wants_more: Callable[[], bool]) -> None:
        """Begin to read; `wants_more` is asked before each read."""
        self._wants_more = wants_more
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until the last read has come back and the source is closed."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._read_all()
        except BaseException as exc:  # noqa: BLE001  a dead thread never hides: the run raises or tells it
            self.death = exc
        finally:
            self._feed.source.close()
            self._inbox.end()

    def _read_all(self) -> None:
        while self._inbox.is_open and self._wants_more():
            start_ns = monotonic_ns()
            try:
                sample = self._feed.source.read()
            except InputError as exc:
                self._unreadable += 1
                self._ledger.skip("unreadable")
                self._failures.note(exc)
                continue
            if sample is None:
                return
            self._stages.add("read", (monotonic_ns() - start_ns) / 1e6)
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        self._count_lost(sample.seq)
        cause = self._feed.gate(sample) if self._feed.gate is not None else None
        if cause is None:
            self._inbox.put(sample)
        else:
            self._ledger.skip(cause)

    def _count_lost(self, seq: int) -> None:
        if self._last_seq is not None:
            lost = seq - self._last_seq - 1 - self._unreadable
            if lost > 0:
                self._ledger.skip("lost", lost)
        self._last_seq, self._unreadable = seq, 0
