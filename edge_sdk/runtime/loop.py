"""A run: samples from a source through the model into sinks, each one accounted for.

- Two threads: one reads the source; the caller's thread runs the model and writes the sinks. They meet in `Inbox`.
- Policy `newest` keeps one sample waiting and lets a newer one replace it; `every` keeps a few and makes the source
  wait. Live sources take the first, files the second, unless told otherwise.
- One sample that fails is counted, and the run goes on; many in a row, or all of them, are an error.
- A run that is stopped finishes the sample in hand. What kills the reading thread is raised in the caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Literal

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import EdgeError, InputError
from edge_sdk.runtime.accounting import Fate, Ledger
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.inbox import Inbox
from edge_sdk.runtime.metrics import Stages
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.record import Ended, Policy, RunOptions, RunReport
from edge_sdk.runtime.sinks import Sink
from edge_sdk.runtime.sources import Source

log = logging.getLogger(__name__)

_POLL_S = 0.1
"""How often a waiting run looks whether it is to end: signal handlers set a flag and touch no lock."""
_FAILURES_IN_A_ROW = 30
_FAILURES_TOLD = 20


class Run:
    """One run on an opened source; it closes its sinks when it ends, and the caller closes the source.

    Example:
        >>> with closing(open_source("clip.mp4")) as source:  # doctest: +SKIP
        ...     print(Run(pipeline, source).execute().accounts)
    """

    def __init__(
        self, pipeline: Pipeline, source: Source, *, sinks: Sequence[Sink] = (), options: RunOptions | None = None
    ) -> None:
        """Prepare a run.

        Raises:
            InputError: `max_age_ms` is given for a source that is not live, whose samples have no age.
        """
        options = options or RunOptions()
        if options.max_age_ms is not None and not source.live:
            raise InputError(f"max_age_ms: expected a live source, got {source.name}")
        self._pipeline, self._source, self._sinks, self._options = pipeline, source, sinks, options
        self._policy: Policy = options.policy or ("newest" if source.live else "every")
        self._ledger = Ledger()
        self._stages = Stages()
        self._inbox = Inbox(self._ledger, self._policy)
        self._failures: list[str] = []
        self._failed_in_a_row = 0
        self._asked_to_end: Ended | None = None
        self._ended: Ended = "running"
        self._start_ns = self._end_ns = monotonic_ns()

    def execute(self) -> RunReport:
        """Run until the source ends, a limit is reached, or `stop` is called; once.

        Raises:
            InputError: No sample at all could be processed, or very many in a row could not.
            UnavailableError: The source or a sink is gone.
        """
        self._start_ns = monotonic_ns()
        try:
            with ExitStack() as sinks:
                for sink in self._sinks:
                    sinks.callback(sink.close)
                ended = self._execute()
            if ended not in {"stopped", "interrupted"}:
                self._require_a_result()
        except BaseException:
            ended = "failed"
            raise
        finally:
            self._end_ns, self._ended = monotonic_ns(), ended
        return self.report()

    def stop(self, reason: Literal["stopped", "interrupted"] = "stopped") -> None:
        """End the run after the sample in hand; may be called from any thread and from signal handlers."""
        self._asked_to_end = reason

    def report(self) -> RunReport:
        """Return what the run has done until now; may be called from any thread."""
        end_ns = monotonic_ns() if self._ended == "running" else self._end_ns
        duration_s = (end_ns - self._start_ns) / 1e9
        accounts = self._ledger.accounts
        return RunReport(
            source=self._source.name,
            model=self._pipeline.model,
            policy=self._policy,
            ended=self._ended,
            duration_s=round(duration_s, 3),
            results_per_s=round(accounts.results / duration_s, 2) if duration_s else 0.0,
            accounts=accounts,
            stages=self._stages.figures(),
            failures=tuple(self._failures),
        )

    def _execute(self) -> Ended:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1, thread_name_prefix="source") as pool:
            reading = pool.submit(self._read)
            try:
                ended = self._consume()
            finally:
                self._inbox.close()
        death = reading.exception()
        if death is not None and ended == "end":
            raise death
        if death is not None:  # it came while the last read was awaited, when nobody wanted more
            self._note(death)
        return ended

    def _read(self) -> None:
        """Read the source until its end; the reading thread."""
        try:
            while self._inbox.is_open and not self._has_enough():
                start_ns = monotonic_ns()
                try:
                    sample = self._source.read()
                except InputError as exc:
                    self._ledger.capture()
                    self._ledger.drop("unreadable")
                    self._note(exc)
                    continue
                if sample is None:
                    break
                self._stages.add("read", (monotonic_ns() - start_ns) / 1e6)
                self._inbox.put(sample)
        finally:
            self._inbox.end()

    def _has_enough(self) -> bool:
        accounts = self._ledger.accounts
        return (
            self._options.max_frames is not None and accounts.delivered + accounts.waiting >= self._options.max_frames
        )

    def _consume(self) -> Ended:
        while (ended := self._limit()) is None:
            taken = self._inbox.take(timeout_s=_POLL_S)
            if taken is not None:
                self._handle(*taken)
            elif self._inbox.is_exhausted:
                return self._limit() or "end"
        return ended

    def _limit(self) -> Ended | None:
        if self._asked_to_end is not None:
            return self._asked_to_end
        if self._options.max_frames is not None and self._ledger.accounts.delivered >= self._options.max_frames:
            return "max-frames"
        if self._options.duration_s is not None and monotonic_ns() - self._start_ns >= self._options.duration_s * 1e9:
            return "duration"
        return None

    def _handle(self, sample: Sample, waited_ms: float) -> None:
        fate: Fate = "errors"
        try:
            fate = self._process(sample, waited_ms)
        finally:
            self._ledger.settle(fate)

    def _process(self, sample: Sample, waited_ms: float) -> Fate:
        start_ns = monotonic_ns()
        try:
            outcome = self._pipeline.process(sample)
        except Exception as exc:  # noqa: BLE001  one bad sample never ends a run on a device; many in a row do
            self._fail(sample, exc)
            return "errors"
        self._failed_in_a_row = 0
        is_stale = self._is_stale(outcome)
        sink_ms = 0.0 if is_stale else self._write(sample, outcome)
        self._add_stages(outcome, waited_ms, sink_ms, (monotonic_ns() - start_ns) / 1e6)
        return "stale" if is_stale else "results"

    def _is_stale(self, outcome: Outcome) -> bool:
        limit_ms = self._options.max_age_ms
        return limit_ms is not None and outcome.age_ms is not None and outcome.age_ms > limit_ms

    def _write(self, sample: Sample, outcome: Outcome) -> float:
        start_ns = monotonic_ns()
        for sink in self._sinks:
            sink.write(sample, outcome)
        return (monotonic_ns() - start_ns) / 1e6

    def _add_stages(self, outcome: Outcome, waited_ms: float, sink_ms: float, whole_ms: float) -> None:
        timings = outcome.timings
        self._stages.add("wait", waited_ms)
        self._stages.add("preprocess", timings.preprocess_ms)
        self._stages.add("infer", timings.infer_ms)
        self._stages.add("decode", timings.decode_ms)
        frame_ms = whole_ms - sink_ms
        self._stages.add("own", frame_ms - timings.preprocess_ms - timings.infer_ms - timings.decode_ms)
        self._stages.add("frame", frame_ms)
        self._stages.add("sink", sink_ms)
        if outcome.age_ms is not None:
            self._stages.add("age", outcome.age_ms)

    def _fail(self, sample: Sample, exc: Exception) -> None:
        self._note(exc, where=f"{sample.source} #{sample.seq}: ")
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
            raise exc

    def _note(self, exc: BaseException, *, where: str = "") -> None:
        if len(self._failures) < _FAILURES_TOLD:
            kind = "" if isinstance(exc, EdgeError) else f"{type(exc).__name__}: "
            self._failures.append(f"{where}{kind}{exc}")
            log.warning("%s", self._failures[-1])

    def _require_a_result(self) -> None:
        accounts = self._ledger.accounts
        if self._failures and not accounts.results + accounts.stale:
            failed = accounts.errors + accounts.dropped.get("unreadable", 0)
            raise InputError(
                f"{self._source.name}: expected at least one result, got {failed} samples that all failed; "
                f"the first: {self._failures[0]}"
            )


@contextmanager
def stopping_on_signals(run: Run) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop the run cleanly; the second acts as without us. For the main thread only."""
    import signal

    def stop(number: int, _: FrameType | None) -> None:
        run.stop("interrupted" if number == signal.SIGINT else "stopped")
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()
