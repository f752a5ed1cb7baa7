"""A sustained measurement: the real run, for as long as was asked, watched once a second from beside.

    first sample → warm-up → onnxruntime alone → the run → onnxruntime alone again

- What became slower between the two runs of onnxruntime alone is the machine's slowness, and not the run's.
- Sources are opened anew for each part, so that no camera's queue grows old between them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.feed import Feed
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.histogram import Histogram
from edge_sdk.runtime.loop import Run
from edge_sdk.runtime.metrics import Figures, Stages
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.record import RunReport
from edge_sdk.runtime.sinks import Sink
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sustain.bare import run_bare
from edge_sdk.runtime.sustain.conditions import Conditions
from edge_sdk.runtime.sustain.processors import read_processors
from edge_sdk.runtime.sustain.record import Bar, Look, SustainOptions, SustainReport
from edge_sdk.runtime.sustain.stretches import Stretches
from edge_sdk.runtime.thrift.board import read_board
from edge_sdk.runtime.usage import peak_memory_bytes, usage

_PERIOD_S = 1.0


class Sustained:
    """One measurement.

    Example:
        >>> feeds = partial(open_endless, ["clip.mp4"])  # doctest: +SKIP
        >>> print(Sustained(pipeline, feeds, SustainOptions(600)).measure().valid)  # doctest: +SKIP
    """

    def __init__(
        self,
        pipeline: Pipeline,
        open_feeds: Callable[[], Sequence[Feed]],
        options: SustainOptions,
        *,
        sinks: Sequence[Callable[[Source], Sink]] = (),
        tell: Callable[[Look], None] = lambda _: None,
        root: Path = Path("/"),
    ) -> None:
        """Prepare a measurement.

        Args:
            pipeline: The opened model.
            open_feeds: Opens the sources; see `open_endless`.
            options: How long, and what must be reached.
            sinks: What opens the sinks, for the source that sets the pace.
            tell: Called with each look, from another thread.
            root: Where the machine's file system is.
        """
        self._pipeline, self._open_feeds, self._options, self._sinks = pipeline, open_feeds, options, sinks
        self._tell, self._root = tell, root
        self._stages = Stages(Histogram)
        self._run: Run | None = None
        self._asked_to_end: Literal["stopped", "interrupted"] | None = None

    def measure(self) -> SustainReport:
        """Measure, once.

        Raises:
            InputError: The first source has no samples, they do not fit the model, or none could be processed.
            UnavailableError: A source was gone, or a sink could not take what it must not miss.
        """
        sample = self._first_sample()
        if self._options.warm_up_s:
            asked = self._options.run_options(self._options.warm_up_s)
            self._execute(Run(self._pipeline, self._open_feeds(), options=asked))
        bare_start = run_bare(self._pipeline, sample)
        run = self._opened_run()
        first = self._look(monotonic_ns())
        conditions, stretches = Conditions(first), Stretches(first, duration_s=self._options.duration_s)
        with self._watching(conditions, stretches):
            ran = self._execute(run)
        return self._report(ran, conditions, stretches, bare=(bare_start, run_bare(self._pipeline, sample)))

    def stop(self, reason: Literal["stopped", "interrupted"] = "stopped") -> None:
        """End the measurement early; may be called from any thread and from signal handlers."""
        self._asked_to_end = reason
        if self._run is not None:
            self._run.stop(reason)

    def _first_sample(self) -> Sample:
        """Return the first sample; one that does not fit is told at once, instead of counted again and again."""
        with ExitStack() as opened:
            feeds = self._open_feeds()
            for feed in feeds:
                opened.callback(feed.source.close)
            sample = feeds[0].source.read()
            if sample is None:
                raise InputError(f"{feeds[0].source.name}: expected samples, got none")
            self._pipeline.process(sample)
            return sample

    def _opened_run(self) -> Run:
        with ExitStack() as opened:
            feeds = self._open_feeds()
            for feed in feeds:
                opened.callback(feed.source.close)
            paced_by = next((feed.source for feed in feeds if feed.source.live), feeds[0].source)
            sinks = []
            for open_sink in self._sinks:
                sinks.append(open_sink(paced_by))
                opened.callback(sinks[-1].close)
            asked, books = self._options.run_options(self._options.duration_s), Books(stages=self._stages)
            run = Run(self._pipeline, feeds, sinks=sinks, options=asked, books=books)
            opened.pop_all()  # from here on the run closes them
            return run

    def _execute(self, run: Run) -> RunReport:
        self._run = run
        if self._asked_to_end is not None:
            run.stop(self._asked_to_end)
        return run.execute()

    @contextmanager
    def _watching(self, conditions: Conditions, stretches: Stretches) -> Iterator[None]:
        """Look once a second from a thread of its own, and once more at the end."""
        over, start_ns = threading.Event(), monotonic_ns()
        failures: list[Exception] = []

        def look() -> None:
            seen = self._look(start_ns)
            conditions.take(seen)
            stretches.take(seen)
            self._tell(seen)

        def watch() -> None:
            try:
                while not over.wait(_PERIOD_S):
                    look()
            except Exception as exc:  # noqa: BLE001  raised below: a thread that is dead never hides
                failures.append(exc)
                self.stop()

        thread = threading.Thread(target=watch, name="conditions", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failures:
            raise failures[0]
        look()

    def _look(self, start_ns: int) -> Look:
        frames, frames_ms = self._stages.spent("frame")
        at_s = (monotonic_ns() - start_ns) / 1e9
        return Look(at_s, read_board(self._root), read_processors(self._root), usage(), frames, frames_ms)

    def _report(
        self, run: RunReport, conditions: Conditions, stretches: Stretches, *, bare: tuple[Figures, Figures]
    ) -> SustainReport:
        disturbances, first, last = conditions.disturbances(), stretches.first(), stretches.last()
        return SustainReport(
            valid=not disturbances,
            disturbances=disturbances,
            told_by=conditions.first.board.told_by,
            shortened=run.ended != "duration",
            bars=tuple(_bars(self._options, run)),
            notes=tuple(conditions.notes(max_temperature_c=self._options.max_temperature_c)),
            asked_s=self._options.duration_s,
            providers=self._pipeline.session.providers,
            run=run,
            first=first,
            last=last,
            bare_start=bare[0],
            bare_end=bare[1],
            slower_percent=_percent_more(first.frame_ms, last.frame_ms),
            bare_slower_percent=_percent_more(bare[0].p50_ms, bare[1].p50_ms),
            cpu_cores=conditions.cpu_cores(),
            outside_cores=conditions.outside_cores(),
            start_memory_bytes=conditions.first.used.resident_bytes,
            end_memory_bytes=conditions.last.used.resident_bytes,
            peak_memory_bytes=peak_memory_bytes(),
            temperature_c=conditions.temperature_c,
            clock_hz=conditions.clock_hz,
        )


def _bars(options: SustainOptions, run: RunReport) -> Iterator[Bar]:
    if options.min_fps is not None:
        yield Bar("min_fps", options.min_fps, run.results_per_s, run.results_per_s >= options.min_fps)
    if options.max_p99_ms is not None:
        stage = run.stages.get("age", run.stages.get("frame"))
        p99_ms = math.nan if stage is None else stage.p99_ms
        yield Bar("max_p99_ms", options.max_p99_ms, p99_ms, p99_ms <= options.max_p99_ms)


def _percent_more(before: float, after: float) -> float:
    return round((after / before - 1) * 100, 2)
