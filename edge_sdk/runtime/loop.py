"""A run: samples from its sources through the model into sinks, each one accounted for.

- Each source has a thread that reads it, each sink one that writes it; the caller's thread runs the model, or hands on
  what `Workers` did with it. They meet in `Inboxes`, where the sources take turns, and in an `Outlet` for each sink:
  nobody slow or dead holds the others up.
- Policy `newest` keeps one sample waiting and lets a newer one replace it; `every` keeps a few and makes the source
  wait. Live sources take the first, files the second, unless told otherwise.
- One sample that fails is counted, and the run goes on; many in a row, or all of them, are an error.
- Live sources are watched, and opened anew when they are gone; see `supervision`. A source that is dead does not end
  the run while another one lives; what killed it is raised at the end.
- A run that is stopped finishes the samples in hand: one, or those of its workers.
- The model may be exchanged while the run goes on, between two samples; see `swap`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal, Protocol

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.accounting import Accounts, Fate, Ledger, total
from edge_sdk.runtime.active import Active
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.feed import Feed
from edge_sdk.runtime.frame import Outcome
from edge_sdk.runtime.inbox import Delivery, Inboxes
from edge_sdk.runtime.outlet import Outlet
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.reader import Reader, watching
from edge_sdk.runtime.record import Ended, Policy, RunOptions, RunReport, SourceReport
from edge_sdk.runtime.sinks import Sink
from edge_sdk.runtime.sinks.record import Serving
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.workers import Done, InTurn, Work, Workers

if TYPE_CHECKING:
    from edge_sdk.runtime.swap import SwapOptions
    from edge_sdk.runtime.swap.perform import Swap

_POLL_S = 0.1
"""How often a waiting run looks whether it is to end: signal handlers set a flag and touch no lock."""
_LAST_READ_S = 6.0
"""How long an ending run waits for reads that have not come back; sources limit theirs to 5 s."""


class Run:
    """One run on opened sources; it closes them and its sinks when it ends.

    Example:
        >>> print(Run(pipeline, [open_source("clip.mp4")]).execute().accounts)  # doctest: +SKIP
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sources: Source | Sequence[Source | Feed],
        *,
        sinks: Sequence[Sink] = (),
        options: RunOptions | None = None,
        books: Books | None = None,
        follow: Callable[[Outcome], Outcome] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            pipeline: The opened model.
            sources: Opened sources, or feeds, which can also be opened anew.
            sinks: Where results go.
            options: Its limits.
            books: Where its threads write down what they do, such as those of a run before; None begins new ones.
            follow: What comes after the model for each outcome, in order; see `edge_sdk.runtime.follow`.

        Raises:
            InputError: There is no source, two have one name, `max_age_ms` or a governor is given for sources that are
                not live, whose samples have no age, or a sink cannot serve the model.
        """
        from edge_sdk.runtime.thrift.governing import Governing

        self._options = options or RunOptions()
        self._books, self._follow = books or Books(), follow
        self._governing = Governing(self._options.governor, self.exchange, books=self._books)
        feeds = [self._gated(feed) for feed in _feeds(sources)]
        _check(feeds, self._options)
        wanted = [sink.serve(pipeline.manifest) for sink in sinks if isinstance(sink, Serving)]
        self._outlets = [Outlet(sink, books=self._books) for sink in sinks]
        self._policies = [_policy(feed.source, self._options) for feed in feeds]
        self._ledgers = [Ledger() for _ in feeds]
        self._inboxes = Inboxes(list(zip(self._ledgers, self._policies, strict=True)))
        self._active = Active(pipeline, self._inboxes)
        self._active.candidates_from = min((score for score in wanted if score is not None), default=None)
        self._readers = [
            Reader(feed, inbox, ledger, limits=self._options.limits, books=self._books)
            for feed, inbox, ledger in zip(feeds, self._inboxes, self._ledgers, strict=True)
        ]
        self._live = [reader for reader, feed in zip(self._readers, feeds, strict=True) if feed.source.live]
        self._asked_to_end: Ended | None = None
        self._given, self._swapping = pipeline, threading.Lock()
        self._swap: Swap | None = None
        self._failure: Exception | None = None
        self._ended: Ended = "running"
        self._start_ns = self._end_ns = monotonic_ns()

    def execute(self) -> RunReport:
        """Run until all sources end, a limit is reached, or `stop` is called; once.

        Raises:
            InputError: No sample at all could be processed, or very many in a row could not.
            UnavailableError: A source was gone before its end, or a sink could not take what it must not miss.
        """
        self._start_ns = monotonic_ns()
        try:
            with ExitStack() as outlets:
                for outlet in self._outlets:
                    outlets.callback(outlet.close)
                    self._books.events.listen(outlet.tell)
                    self._books.comparing.append(outlet.compare)
                    outlet.start(self.report)
                ended = self._execute()
            if ended not in {"stopped", "interrupted"}:
                self._require_a_result()
        except BaseException:
            ended = "failed"
            raise
        finally:
            with self._swapping:
                self._end_ns, self._ended = monotonic_ns(), ended
            self._end_swaps()
        return self.report()

    def stop(self, reason: Literal["stopped", "interrupted"] = "stopped") -> None:
        """End the run after the sample in hand; may be called from any thread and from signal handlers."""
        self._asked_to_end = reason

    @property
    def pipeline(self) -> Pipeline:
        """The model in use; the next sample may find another one."""
        return self._active.pipeline

    def exchange(self, pipeline: Pipeline) -> Pipeline:
        """Let another model take over with the next sample, from another thread than that which executes the run.

        Returns:
            The one before, when its last sample is done with; the caller closes it.
        """
        return self._active.exchange(pipeline)

    def swap(self, package: Path, options: SwapOptions | None = None) -> Swap:
        """Let the model of another package take over while the run goes on, if it proves itself; see `SwapOptions`.

        Returns at once; what comes of it is in the events, in the report, and in what is returned. The run closes the
        model before, and in the end the one that took over.

        Raises:
            UnavailableError: Another swap is under way, or the run is over.
        """
        from edge_sdk.runtime.swap import SwapOptions
        from edge_sdk.runtime.swap.perform import Swap

        with self._swapping:
            if self._ended != "running" or (self._swap is not None and self._swap.is_under_way):
                got = "a run that is over" if self._ended != "running" else "another one under way"
                raise UnavailableError(f"{package}: expected a run that takes a model over, got {got}")
            self._swap = Swap(self._active, package, options or SwapOptions(), books=self._books, fail=self._fail)
            return self._swap

    def report(self) -> RunReport:
        """Return what the run has done until now; may be called from any thread."""
        end_ns = monotonic_ns() if self._ended == "running" else self._end_ns
        duration_s = (end_ns - self._start_ns) / 1e9
        sources = tuple(
            SourceReport(reader.name, policy, ledger.accounts, reader.state, reader.reopened, reader.hanging)
            for reader, policy, ledger in zip(self._readers, self._policies, self._ledgers, strict=True)
        )
        accounts = total(source.accounts for source in sources)
        return RunReport(
            model=self._active.pipeline.model,
            ended=self._ended,
            duration_s=round(duration_s, 3),
            results_per_s=round(accounts.results / duration_s, 2) if duration_s else 0.0,
            accounts=accounts,
            sources=sources,
            sinks=tuple(outlet.report() for outlet in self._outlets),
            stages=self._books.stages.figures(),
            events=self._books.events.last,
            failures=self._books.failures.lines,
            swaps=tuple(self._books.swaps),
            governor=self._governing.report(),
        )

    def _gated(self, feed: Feed) -> Feed:
        from edge_sdk.runtime.thrift.gates import gated
        from edge_sdk.runtime.thrift.motion import MotionGate

        motion = [MotionGate(self._options.motion)] if self._options.motion else []
        return gated(feed, [*motion, *(self._governing.gates() if feed.source.live else [])])

    def _execute(self) -> Ended:
        for reader in self._readers:
            reader.start(self._wants_more)
        try:
            with watching(self._live), self._governing.running():
                ended = self._consume()
        finally:
            self._inboxes.close()
            self._await_readers()
        deaths = [reader.death for reader in self._readers if reader.death is not None]
        if deaths and ended == "end":
            raise deaths[0]
        for death in deaths:  # the run has ended for another reason
            self._books.failures.note(death)
        return ended

    def _fail(self, exc: Exception) -> None:
        self._failure = exc

    def _end_swaps(self) -> None:
        if self._swap is not None:
            self._swap.end()
            if self._active.pipeline is not self._given:
                self._active.pipeline.close()

    def _await_readers(self) -> None:
        end_ns = monotonic_ns() + _LAST_READ_S * 1e9
        for reader in self._readers:
            reader.join(max(0.0, (end_ns - monotonic_ns()) / 1e9))

    def _accounts(self) -> Accounts:
        return total(ledger.accounts for ledger in self._ledgers)

    def _wants_more(self) -> bool:
        if self._options.max_frames is None:
            return True
        accounts = self._accounts()
        return accounts.delivered + accounts.waiting < self._options.max_frames

    def _consume(self) -> Ended:
        work, ended = self._work(), None
        try:
            while True:
                ended = ended or self._limit()
                if ended is not None:
                    work.stop()
                done = work.next(timeout_s=_POLL_S)
                if done is not None:
                    self._handle(done)
                elif work.is_over:
                    return ended or self._limit() or "end"
        finally:
            self._empty(work)

    def _work(self) -> Work:
        if "newest" in self._policies or self._options.at_once == 1:
            return InTurn(self._inboxes, self._active)
        return Workers(self._inboxes, self._active, self._wants_delivery, count=self._options.at_once)

    def _empty(self, work: Work) -> None:
        """Settle what a failing run leaves behind; there is nothing if it did not fail."""
        work.stop()
        while not work.is_over:
            done = work.next(timeout_s=_POLL_S)
            if done is not None:
                self._settle(done, "errors")

    def _wants_delivery(self) -> bool:
        return self._options.max_frames is None or self._accounts().delivered < self._options.max_frames

    def _limit(self) -> Ended | None:
        for outlet in self._outlets:
            outlet.check()
        if self._failure is not None:
            raise self._failure
        if self._asked_to_end is not None:
            return self._asked_to_end
        if not self._wants_delivery():
            return "max-frames"
        if self._options.duration_s is not None and monotonic_ns() - self._start_ns >= self._options.duration_s * 1e9:
            return "duration"
        return None

    def _handle(self, done: Done) -> None:
        fate: Fate = "errors"
        try:
            fate = self._conclude(done)
        finally:
            self._settle(done, fate)

    def _settle(self, done: Done, fate: Fate) -> None:
        done.delivery.ledger.settle(fate)
        self._active.release(done.pipeline)

    def _conclude(self, done: Done) -> Fate:
        sample, start_ns = done.delivery.sample, monotonic_ns()
        try:
            outcome = self._outcome(done)
        except Exception as exc:  # noqa: BLE001  one bad sample never ends a run on a device; many in a row do
            self._books.failures.fail(exc, where=f"{sample.source} #{sample.seq}: ")
            return "errors"
        self._books.failures.succeed()
        self._governing.saw(outcome)
        is_stale = self._is_stale(outcome)
        given_ms = 0.0 if is_stale else self._give(done.delivery, outcome)
        self._add_stages(done, outcome, start_ns, (monotonic_ns() - start_ns) / 1e6 - given_ms)
        return "stale" if is_stale else "results"

    def _outcome(self, done: Done) -> Outcome:
        """Return what came of a sample, with what followers say of it.

        Raises:
            Exception: What went wrong.
        """
        outcome = None if isinstance(done.outcome, Exception) else done.outcome
        if (witness := self._active.witness) is not None:
            witness.see(done.pipeline, done.delivery.sample, outcome)
        if isinstance(done.outcome, Exception):
            raise done.outcome
        return self._follow(done.outcome) if self._follow is not None else done.outcome

    def _is_stale(self, outcome: Outcome) -> bool:
        limit_ms = self._options.max_age_ms
        return limit_ms is not None and outcome.age_ms is not None and outcome.age_ms > limit_ms

    def _give(self, delivery: Delivery, outcome: Outcome) -> float:
        start_ns = monotonic_ns()
        for outlet in self._outlets:
            outlet.put(delivery.sample, outcome, is_needed=delivery.policy == "every")
        return (monotonic_ns() - start_ns) / 1e6

    def _add_stages(self, done: Done, outcome: Outcome, start_ns: int, spent_ms: float) -> None:
        timings, add = outcome.timings, self._books.stages.add
        add("wait", done.delivery.waited_ms + (start_ns - done.since_ns) / 1e6)
        add("preprocess", timings.preprocess_ms)
        add("infer", timings.infer_ms)
        add("decode", timings.decode_ms)
        add("own", done.own_ms + spent_ms)
        add("frame", timings.steps_ms + done.own_ms + spent_ms)
        if outcome.age_ms is not None:
            add("age", outcome.age_ms)

    def _require_a_result(self) -> None:
        accounts = self._accounts()
        if self._books.failures.lines and not accounts.results + accounts.stale:
            failed = accounts.errors + accounts.dropped.get("unreadable", 0)
            names = ", ".join(reader.name for reader in self._readers)
            raise InputError(
                f"{names}: expected at least one result, got {failed} samples that all failed; "
                f"the first: {self._books.failures.lines[0]}"
            )


def _feeds(sources: Source | Sequence[Source | Feed]) -> list[Feed]:
    given = sources if isinstance(sources, Sequence) else [sources]
    return [source if isinstance(source, Feed) else Feed(source) for source in given]


def _check(feeds: Sequence[Feed], options: RunOptions) -> None:
    names = [feed.source.name for feed in feeds]
    if not names:
        raise InputError("sources: expected at least one, got none")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"sources: expected different ones, got {', '.join(twice)} twice")
    for limit in ("max_age_ms", "governor"):
        if getattr(options, limit) is not None and not any(feed.source.live for feed in feeds):
            raise InputError(f"{limit}: expected a live source, got {', '.join(names)}")


def _policy(source: Source, options: RunOptions) -> Policy:
    return options.policy or ("newest" if source.live else "every")


class Stoppable(Protocol):
    """What can be asked to end."""

    def stop(self, reason: Literal["stopped", "interrupted"]) -> None:
        """End soon; called from signal handlers."""


@contextmanager
def stopping_on_signals(run: Stoppable) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop a run cleanly; the second acts as without us. For the main thread only."""
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
