"""One source of a run: read always, so that no driver's queue decides what is old, and watched from outside.

- What `supervision` says is done here: open the source anew, or give up the thread that reads it.
- A thread that hangs in a C library cannot be ended, so it is left behind: what it still brings is dropped, and there
  are never more than four of them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import supervision
from edge_sdk.runtime.accounting import Cause, Ledger
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.feed import Feed
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.inbox import Inbox
from edge_sdk.runtime.reading import Reading
from edge_sdk.runtime.sight import Outlook, glance
from edge_sdk.runtime.sources import Source

_MOST_HANGING = 4
_LOOK_NS = 1_000_000_000
_TICK_S = 0.1


class Reader:
    """The reading of one source, whichever thread does it now.

    Attributes:
        name: The source's.
        reopened: How often it was opened anew.
    """

    def __init__(self, feed: Feed, inbox: Inbox, ledger: Ledger, *, limits: supervision.Limits, books: Books) -> None:
        self.name = feed.source.name
        self.reopened = 0
        self._feed, self._inbox, self._ledger, self._books = feed, inbox, ledger, books
        self._limits = limits.at_rate(feed.source.fps)
        self._watch = self._new_watch()
        self._outlook, self._looked_ns = Outlook(), 0
        self._failure: Exception | None = None
        self._run_wants_more: Callable[[], bool] = lambda: True
        self._reading: Reading | None = None
        self._given_up: list[Reading] = []
        self._lock = threading.RLock()

    @property
    def state(self) -> supervision.State:
        """Whether the source lives."""
        return self._watch.state

    @property
    def death(self) -> Exception | None:
        """What ended the source before its end, or None."""
        if self.state != "dead":
            return None
        return self._failure or UnavailableError(f"{self.name}: expected samples, got {self._watch.cause}")

    @property
    def hanging(self) -> int:
        """How many reads were given up and have not come back."""
        return sum(reading.is_alive() for reading in self._given_up)

    def start(self, run_wants_more: Callable[[], bool]) -> None:
        """Begin to read; `run_wants_more` is asked before each read."""
        with self._lock:
            self._run_wants_more = run_wants_more
            self._watch = self._new_watch()
            self._begin(lambda: self._feed.source)

    def tick(self) -> None:
        """Look at the reading from outside; to be called now and then, for live sources."""
        reading = self._reading
        if not self._inbox.is_open:
            return
        try:
            self._happen(supervision.Tick(None if reading is None else reading.since_ns), reading)
        except Exception as exc:  # noqa: BLE001  who watches must not die
            self._books.failures.note(exc, where=f"{self.name}: ")

    def join(self, timeout_s: float) -> None:
        """Wait until the last read has come back and the source is closed, but not for reads that were given up."""
        reading = self._reading
        if reading is not None:
            reading.join(timeout_s)

    def wants_more(self, reading: Reading) -> bool:
        """Whether a thread is to read on."""
        return reading is self._reading and self._inbox.is_open and self._run_wants_more()

    def take(self, sample: Sample, reading: Reading) -> None:
        """Let a sample wait for the model, or count why it does not."""
        if self._feed.source.live:
            self._watch_over(sample, reading)
        cause = self._refusal(sample, reading)
        if cause is None:
            self._inbox.put(sample)
        else:
            self._ledger.skip(cause)

    def over(self, reading: Reading, failure: Exception | None) -> None:
        """Take that a thread has ended, by itself or by a failure."""
        if failure is not None:
            with self._lock:
                self._failure = failure
                self._happen(supervision.Failed(str(failure) or type(failure).__name__), reading)
        elif reading.is_at_end:
            self._happen(supervision.Ended(), reading)
        elif reading is self._reading:  # enough was read
            self._inbox.end()

    def _watch_over(self, sample: Sample, reading: Reading) -> None:
        seen = glance(sample.data)
        self._happen(supervision.Heard(None if seen is None else seen.fingerprint, sample.captured_ns), reading)
        now_ns = monotonic_ns()
        if seen is None or now_ns - self._looked_ns < _LOOK_NS:
            return
        self._looked_ns, before = now_ns, self._outlook
        self._outlook = before.after(seen.view, now_ns=now_ns)
        if self._outlook.view != before.view:
            self._books.events.tell(Event(now_ns, self.name, before.view, self._outlook.view, "its pictures of 5 s"))

    def _refusal(self, sample: Sample, reading: Reading) -> Cause | None:
        if reading is not self._reading:
            return "lost"
        if self.state != "live" and self._feed.source.live:
            return "frozen"
        try:
            return self._feed.gate(sample) if self._feed.gate is not None else None
        except Exception as exc:  # noqa: BLE001  a gate that fails is open: no sample is lost by it
            self._books.failures.note(exc, where=f"{sample.source} #{sample.seq}: ")
            return None

    def _happen(self, happening: supervision.Happening, reading: Reading | None) -> None:
        with self._lock:
            if reading is not self._reading:  # given up meanwhile
                return
            now_ns, before = monotonic_ns(), self._watch
            chance = random.random()  # noqa: S311  no secret
            self._watch, effect = supervision.step(before, happening, now_ns=now_ns, chance=chance)
            if self.state != before.state and self._feed.source.live:
                self._books.events.tell(Event(now_ns, self.name, before.state, self.state, self._watch.cause))
            if effect is not None:
                self._perform(effect)

    def _perform(self, effect: supervision.Effect) -> None:
        if effect == "reopen":
            self._reopen()
            return
        self._given_up = [reading for reading in (*self._given_up, self._reading) if reading and reading.is_alive()]
        self._reading = None
        if effect == "retire":
            self._inbox.end()

    def _reopen(self) -> None:
        if self.hanging >= _MOST_HANGING or self._feed.reopen is None:
            self._happen(supervision.Failed(f"{self.hanging} reads that never came back"), self._reading)
            return
        self.reopened += 1
        self._begin(self._feed.reopen)

    def _begin(self, open_source: Callable[[], Source]) -> None:
        self._reading = Reading(self, open_source, ledger=self._ledger, books=self._books)
        self._reading.start()

    def _new_watch(self) -> supervision.Watch:
        return supervision.begin(self._limits, can_reopen=self._feed.reopen is not None, now_ns=monotonic_ns())


@contextmanager
def watching(readers: Sequence[Reader]) -> Iterator[None]:
    """Look at the readers from a thread of its own, ten times a second."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_TICK_S):
            for reader in readers:
                reader.tick()

    thread = threading.Thread(target=watch, name="supervisor", daemon=True)
    if readers:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if readers:
            thread.join()
