"""The governor of a run: reads the board once a second, decides by `governor`, and acts.

- A lower rate is a gate before the model: what it leaves out is counted as `slowed`, evenly spaced by capture time.
- Another model takes over between two samples, and the one before gives its memory back. One that cannot be opened is a
  failure of the run's books, and the run stays where it is.
- Each step is an event of the source `governor`, with its cause.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.feed import Gate
from edge_sdk.runtime.frame import Outcome
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.thrift.board import read_board
from edge_sdk.runtime.thrift.governor import Footing, GovernorOptions, GovernorReport, Readings, Rung, step
from edge_sdk.runtime.thrift.rate import RateLimit

NAME = "governor"
_PERIOD_S = 1.0
_RECENT_S = 5.0
_MOST_AGES = 1024
_LATE_SHARE = 0.05


class Governing:
    """The governor of a run; without options it does nothing."""

    def __init__(
        self,
        options: GovernorOptions | None,
        exchange: Callable[[Pipeline], Pipeline],
        *,
        books: Books,
        root: Path = Path("/"),
    ) -> None:
        """Prepare it.

        Args:
            options: The ladder and the limits.
            exchange: Lets another model take over, and returns the one before.
            books: Where steps and failures are written down.
            root: Where the board's file system is.
        """
        self._options, self._exchange, self._books, self._root = options, exchange, books, root
        self._limits: list[RateLimit] = []
        self._ages: deque[tuple[int, float]] = deque(maxlen=_MOST_AGES)
        self._held_back: deque[tuple[int, frozenset[str]]] = deque(maxlen=math.ceil(_RECENT_S / _PERIOD_S))
        self._footing, self._steps = Footing(), 0
        self._opened: Pipeline | None = None
        self._over = threading.Event()

    def gates(self) -> list[Gate]:
        """Return the gates of one more live source."""
        if self._options is None:
            return []
        self._limits.append(RateLimit())
        return [self._limits[-1]]

    def saw(self, outcome: Outcome) -> None:
        """Take how old a result is."""
        if outcome.age_ms is not None and self._options is not None:
            self._ages.append((monotonic_ns(), outcome.age_ms))

    def report(self) -> GovernorReport | None:
        """Return where the run stands; None without a ladder."""
        if self._options is None:
            return None
        ladder, footing = self._options.ladder, self._footing
        return GovernorReport(ladder[footing.rung].name, footing.rung, len(ladder), self._steps, footing.cause)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Govern from a thread of its own."""
        if self._options is None:
            yield
            return
        self._over.clear()
        thread = threading.Thread(target=self._run, args=(self._options,), name=NAME, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            if self._opened is not None:
                self._opened.close()

    def _run(self, options: GovernorOptions) -> None:
        board = read_board(self._root)
        start_s = monotonic_ns() / 1e9
        self._footing = Footing(moved_s=start_s, since_s=start_s)
        while not self._over.wait(_PERIOD_S):
            before, board = board, read_board(self._root)
            now_ns = monotonic_ns()
            self._held_back.append((now_ns, board.limits_since(before)))
            readings = Readings(board.temperature_c, self._limits_lately(now_ns), self._p95_ms(now_ns))
            footing, cause = step(self._footing, readings, options, now_s=now_ns / 1e9)
            if cause:
                footing = self._move(footing, cause, options, now_ns)
            self._footing = footing

    def _move(self, footing: Footing, cause: str, options: GovernorOptions, now_ns: int) -> Footing:
        before, after = options.ladder[self._footing.rung], options.ladder[footing.rung]
        try:
            self._apply(before, after)
        except Exception as exc:  # noqa: BLE001  a model that cannot be opened ends no run
            self._books.failures.note(exc, where=f"{NAME}: {after.name}: ")
            return replace(footing, rung=self._footing.rung)
        self._steps += 1
        self._books.events.tell(Event(now_ns, NAME, before.name, after.name, cause))
        return footing

    def _apply(self, before: Rung, after: Rung) -> None:
        if after.open_model is not None and after.open_model is not before.open_model:
            self._opened = after.open_model()
            self._exchange(self._opened).close()
        for limit in self._limits:
            limit.fps = after.fps

    def _limits_lately(self, now_ns: int) -> frozenset[str]:
        """Return what has held the board back in the last seconds: a brown-out that comes again and again is one."""
        return frozenset().union(*(limits for at_ns, limits in self._held_back if _is_recent(at_ns, now_ns)))

    def _p95_ms(self, now_ns: int) -> float | None:
        recent = sorted(age_ms for at_ns, age_ms in self._ages.copy() if _is_recent(at_ns, now_ns))
        return recent[-1 - int(len(recent) * _LATE_SHARE)] if recent else None


def _is_recent(at_ns: int, now_ns: int) -> bool:
    return now_ns - at_ns < _RECENT_S * 1e9
