"""Does in a thread of its own what `step` says: a candidate takes over while a run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import EdgeError, InputError
from edge_sdk.package import ModelPackage
from edge_sdk.runtime.active import Active
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.pipeline import Opened, Pipeline
from edge_sdk.runtime.swap import happening
from edge_sdk.runtime.swap import step as steps
from edge_sdk.runtime.swap.candidate import model_of, open_candidate, open_fitting, prove
from edge_sdk.runtime.swap.onlooker import Onlooker
from edge_sdk.runtime.swap.record import SwapOptions, SwapReport
from edge_sdk.runtime.swap.room import available_bytes, expected_bytes
from edge_sdk.runtime.swap.turns import short_turns
from edge_sdk.runtime.usage import usage
from edge_sdk.tasks import build_task

_POLL_S = 0.1
_LAST_S = 10.0
"""How long an ending run waits for a candidate that is being opened."""


class Swap:
    """A swap under way; `Run.swap` begins it.

    Example:
        >>> run.swap(Path("parts-2.edge")).wait().state  # doctest: +SKIP
        'done'
    """

    def __init__(
        self,
        active: Active,
        path: Path,
        options: SwapOptions,
        *,
        books: Books,
        fail: Callable[[Exception], None],
        available: Callable[[], int] = available_bytes,
    ) -> None:
        """Begin.

        Args:
            active: The model in use.
            path: The candidate's package.
            options: What it must show.
            books: Where events are told.
            fail: Ends the run, which has no model any more.
            available: How much memory there is.
        """
        self._active, self._path, self._books, self._fail = active, path, books, fail
        self._available = available
        self._progress = steps.Progress(options)
        self._before = active.pipeline
        self._model = self._before.model
        self._package: ModelPackage | None = None
        self._candidate: Pipeline | None = None
        self._after = ""
        self._resident_bytes = usage().resident_bytes
        self._empty_since_ns, self._gap_ms = 0, 0.0
        self._onlooker = Onlooker()
        self._is_run_over = False
        self._thread = threading.Thread(target=self._run, name="swap", daemon=True)
        self._thread.start()

    @property
    def is_under_way(self) -> bool:
        """Whether it has not come to its end."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float | None = None) -> SwapReport:
        """Wait until it has come to its end, or the time is over; return what it did."""
        self._thread.join(timeout_s)
        return self.report()

    def end(self) -> None:
        """Come to an end, since the run has."""
        self._is_run_over = True
        self._thread.join(_LAST_S)

    def report(self) -> SwapReport:
        """Return what it has done until now; may be called from any thread."""
        progress = self._progress
        return SwapReport(
            package=str(self._path),
            state=progress.state,
            cause=progress.cause,
            before=self._model,
            after=self._after,
            compared=len(progress.compared),
            agreement=progress.agreement,
            latency_ratio=progress.latency_ratio,
            memory_bytes=progress.memory_bytes,
            gap_ms=round(self._gap_ms, 1),
        )

    def _run(self) -> None:
        self._active.witness = self._onlooker
        try:
            with short_turns():
                self._go()
        finally:
            self._active.witness = None
            self._onlooker = Onlooker()  # which holds no models
            self._books.swaps.append(self.report())

    def _go(self) -> None:
        effect = self._step(happening.Asked())
        while effect is not None:
            is_cut_short = self._is_run_over and effect not in steps.LAST
            effect = self._step(happening.RunOver() if is_cut_short else self._perform(effect))

    def _step(self, event: happening.Happening) -> steps.Effect | None:
        before = self._progress.state
        self._progress, effect = steps.step(self._progress, event)
        after, cause = self._progress.state, f"{self._path.name}: {self._progress.cause}"
        if after != before:
            self._books.events.tell(Event(monotonic_ns(), "model", before, after, cause))
        return effect

    def _perform(self, effect: steps.Effect) -> happening.Happening:
        try:
            return _PERFORMERS[effect](self)
        except EdgeError as exc:
            return happening.Failed(f"{exc}; hint: {exc.hint}" if exc.hint else str(exc))
        except Exception as exc:  # noqa: BLE001  a candidate that fails never ends a run on a device
            return happening.Failed(f"{type(exc).__name__}: {exc}")

    def _weigh(self) -> happening.Happening:
        size_bytes = model_of(self._fitting(), self._before).size_bytes
        return happening.Weighed(expected_bytes(size_bytes), self._available())

    def _empty(self) -> happening.Happening:
        _opened_from(self._before)
        self._take_away()
        self._before.close()
        self._resident_bytes = usage().resident_bytes
        return happening.Emptied()

    def _load(self) -> happening.Happening:
        self._candidate = open_candidate(self._fitting(), self._before)
        self._after = self._candidate.model
        return happening.Loaded()

    def _warm(self) -> happening.Happening:
        prove(self._opened())
        return happening.Warmed(self._taken_bytes(), _now_s())

    def _compare(self) -> happening.Happening:
        seen = self._onlooker.next(timeout_s=_POLL_S)
        if seen is None:
            return happening.Waited(_now_s())
        sample, outcome = seen
        other = self._opened().process(sample)
        agreement = build_task(self._before.manifest.task).agreement(outcome.value, other.value)
        for tell in self._books.comparing:
            tell(sample, outcome, agreement)
        return happening.Compared(agreement, outcome.timings.steps_ms, other.timings.steps_ms, self._taken_bytes())

    def _switch(self) -> happening.Happening:
        if self._progress.has_gap:
            self._resume(self._opened())
        else:
            self._active.exchange(self._opened())
        return happening.Switched(self._onlooker.tally(self._before).median_ms, _now_s())

    def _watch(self) -> happening.Happening:
        candidate = self._opened()
        self._onlooker.wait_for_error(candidate, timeout_s=_POLL_S)
        tally = self._onlooker.tally(candidate)
        return happening.Watched(tally.results, tally.errors, tally.median_ms, _now_s())

    def _release(self) -> happening.Happening:
        self._opened().refuses_nan = self._before.refuses_nan
        self._before.close()
        return happening.Settled()

    def _discard(self) -> happening.Happening:
        if self._candidate is not None:
            self._candidate.close()
        return happening.Settled()

    def _return(self) -> happening.Happening:
        self._active.exchange(self._before).close()
        return happening.Settled()

    def _restore(self) -> happening.Happening:
        """Open the model before again; the one that the caller gave is not opened in its place, but beside it."""
        if not self._empty_since_ns:
            self._take_away()
        self._discard()
        try:
            opened = _opened_from(self._before)
            self._resume(opened.open(opened.package))
        except Exception as exc:  # noqa: BLE001  there is no model any more: raised where the run is executed
            self._fail(exc)
        return happening.Settled()

    def _take_away(self) -> None:
        self._empty_since_ns = monotonic_ns()
        self._active.suspend()

    def _resume(self, pipeline: Pipeline) -> None:
        self._active.resume(pipeline)
        self._gap_ms += (monotonic_ns() - self._empty_since_ns) / 1e6
        self._empty_since_ns = 0

    def _fitting(self) -> ModelPackage:
        if self._package is None:
            compares = bool(self._progress.options.shadow_samples)
            self._package = open_fitting(self._path, self._before, compares=compares)
        return self._package

    def _opened(self) -> Pipeline:
        assert self._candidate is not None  # noqa: S101  only called when it is loaded
        return self._candidate

    def _taken_bytes(self) -> int:
        return max(0, usage().resident_bytes - self._resident_bytes)


def _opened_from(pipeline: Pipeline) -> Opened:
    if pipeline.opened is None:
        raise InputError("model in use: expected one of a package, which can be opened again, got one of bytes")
    return pipeline.opened


def _now_s() -> float:
    return monotonic_ns() / 1e9


_PERFORMERS: Mapping[steps.Effect, Callable[[Swap], happening.Happening]] = {
    "weigh": Swap._weigh,
    "empty": Swap._empty,
    "load": Swap._load,
    "warm": Swap._warm,
    "compare": Swap._compare,
    "switch": Swap._switch,
    "watch": Swap._watch,
    "release": Swap._release,
    "discard": Swap._discard,
    "restore": Swap._restore,
    "return": Swap._return,
}
