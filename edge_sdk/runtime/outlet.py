"""One sink of a run, in a thread of its own behind a queue with a bound: a slow or failing sink holds nobody up.

    results given = waiting + written + dropped + failed

- A result of policy `newest` is dropped when the queue is full, and counted; one that fails is counted, and the next
  one is tried.
- A result of policy `every` waits for room, so that nothing is missing in what is written from files; where one fails,
  the run ends with that failure. So does any run whose reader at the end of a pipe has gone: nobody comes back there.
- The sink is used from its thread only, and closed by it when all that waits is written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.record import RunReport, SinkReport
from edge_sdk.runtime.sinks.record import Comparing, Counting, Listener, Reporting, Sink

_CAPACITY = 8
_HANGS_S = 10.0
"""An ending run waits so long for a sink that gets nothing done."""


@dataclass(frozen=True, slots=True)
class _Result:
    sample: Sample
    outcome: Outcome
    is_needed: bool


@dataclass(frozen=True, slots=True)
class _Comparison:
    sample: Sample
    outcome: Outcome
    agreement: float


_Item = _Result | Event | _Comparison


class Outlet:
    """The way to one sink."""

    def __init__(self, sink: Sink, *, books: Books) -> None:
        self._sink, self._books = sink, books
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._is_open, self._is_given_up = True, False
        self._failure: Exception | None = None
        self._written = self._dropped = self._failed = 0
        self._thread = threading.Thread(target=self._run, name=f"sink {sink.name}", daemon=True)

    def start(self, report: Callable[[], RunReport]) -> None:
        """Begin to write; `report` gives the run's report to a sink that wants it."""
        if isinstance(self._sink, Reporting):
            self._sink.report_from(report)
        self._thread.start()

    def put(self, sample: Sample, outcome: Outcome, *, is_needed: bool) -> None:
        """Give a result; one that is needed waits for room.

        Raises:
            Exception: The failure of an earlier one, if that ends the run.
        """
        with self._changed:
            if is_needed:
                self._changed.wait_for(lambda: len(self._waiting) < _CAPACITY or self._failure is not None)
            self.check()
            self._take(_Result(sample, outcome, is_needed))

    def tell(self, event: Event) -> None:
        """Give an event to a sink that wants them."""
        if isinstance(self._sink, Listener):
            with self._changed:
                self._take(event)

    def compare(self, sample: Sample, outcome: Outcome, agreement: float) -> None:
        """Give how far another model agrees to a sink that wants it."""
        if isinstance(self._sink, Comparing):
            with self._changed:
                self._take(_Comparison(sample, outcome, agreement))

    def check(self) -> None:
        """See whether the sink has failed in a way that ends the run.

        Raises:
            Exception: That failure.
        """
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Write what waits, and close the sink; one that hangs is left behind.

        Raises:
            Exception: A result that is needed could not be written, or the sink could not be finished.
        """
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        done = -1
        while self._thread.is_alive() and done != (done := self._written + self._failed):
            self._thread.join(_HANGS_S)
        if self._thread.is_alive():
            self._give_up()
        self.check()

    def report(self) -> SinkReport:
        """Return what has become of what the sink was given."""
        counts = self._sink.counts if isinstance(self._sink, Counting) else {}
        with self._changed:
            waiting = self._results_waiting()
            return SinkReport(self._sink.name, self._written, self._dropped, self._failed, waiting, counts)

    def _take(self, item: _Item) -> None:
        if len(self._waiting) >= _CAPACITY:
            self._dropped += isinstance(item, _Result)
            return
        self._waiting.append(item)
        self._changed.notify_all()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._write(item)
            except Exception as exc:  # noqa: BLE001  a sink that fails never ends a run that can do without it
                self._fail(item, exc)
            else:
                self._settle(written=1)
        try:
            self._sink.close()
        except Exception as exc:  # noqa: BLE001  raised by `close`
            self._failure = self._failure or exc

    def _next(self) -> _Item | None:
        """Return the item that has waited longest; it stays in the queue until it is settled."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            return self._waiting[0] if self._waiting else None

    def _write(self, item: _Item) -> None:
        if isinstance(item, _Result):
            start_ns = monotonic_ns()
            self._sink.write(item.sample, item.outcome)
            self._books.stages.add("sink", (monotonic_ns() - start_ns) / 1e6)
        elif isinstance(item, _Comparison):
            if isinstance(self._sink, Comparing):
                self._sink.compare(item.sample, item.outcome, item.agreement)
        elif isinstance(self._sink, Listener):
            self._sink.tell(item)

    def _fail(self, item: _Item, exc: Exception) -> None:
        self._books.failures.note(exc, where=f"{self._sink.name}: ")
        is_fatal = (isinstance(item, _Result) and item.is_needed) or isinstance(exc.__cause__, BrokenPipeError)
        self._settle(failed=1, failure=exc if is_fatal else None)

    def _settle(self, *, written: int = 0, failed: int = 0, failure: Exception | None = None) -> None:
        with self._changed:
            if self._is_given_up:
                return
            is_result = isinstance(self._waiting.popleft(), _Result)
            self._written += written * is_result
            self._failed += failed * is_result
            if failure is not None:  # the run ends: nothing after this one
                self._failure, self._is_open = failure, False
                self._drop_all()
            self._changed.notify_all()

    def _give_up(self) -> None:
        hangs = UnavailableError(f"{self._sink.name}: expected to be finished, got nothing for {_HANGS_S:g} s")
        self._books.failures.note(hangs)
        with self._changed:
            self._is_given_up = True
            if any(isinstance(item, _Result) and item.is_needed for item in self._waiting):
                self._failure = hangs
            self._drop_all()

    def _drop_all(self) -> None:
        self._dropped += self._results_waiting()
        self._waiting.clear()

    def _results_waiting(self) -> int:
        return sum(isinstance(item, _Result) for item in self._waiting)
