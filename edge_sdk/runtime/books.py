"""What the threads of a run write down: how long things took, what changed, and what went wrong; all of it bounded."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_sdk.errors import EdgeError
from edge_sdk.runtime.events import Events
from edge_sdk.runtime.metrics import Stages

if TYPE_CHECKING:
    from edge_sdk.runtime.frame import Outcome, Sample
    from edge_sdk.runtime.swap.record import SwapReport

log = logging.getLogger(__name__)

_TOLD = 20
_IN_A_ROW = 30
_SWAPS = 20


class Failures:
    """The failures of a run; may be told from any thread.

    Attributes:
        lines: The first of them.
    """

    def __init__(self) -> None:
        self.lines: tuple[str, ...] = ()
        self._in_a_row = 0

    def note(self, exc: BaseException, *, where: str = "") -> None:
        """Keep and log a failure, unless there are many already."""
        if len(self.lines) < _TOLD:
            kind = "" if isinstance(exc, EdgeError) else f"{type(exc).__name__}: "
            line = f"{where}{kind}{exc}"
            self.lines = (*self.lines, line)
            log.warning("%s", line)

    def fail(self, exc: Exception, *, where: str) -> None:
        """Note that the model failed on a sample.

        Raises:
            Exception: What was given, when very many in a row have failed: it is not the sample then.
        """
        self.note(exc, where=where)
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            raise exc

    def succeed(self) -> None:
        """Note that the model did not fail on a sample."""
        self._in_a_row = 0


@dataclass(frozen=True, slots=True)
class Books:
    """The books of a run.

    Attributes:
        stages: How long things took.
        failures: What went wrong.
        events: What changed.
        swaps: Models that were to take over.
        comparing: Who is told how far a model that may take over agrees on a sample; called in the thread of the swap.
    """

    stages: Stages = field(default_factory=Stages)
    failures: Failures = field(default_factory=Failures)
    events: Events = field(default_factory=Events)
    swaps: deque[SwapReport] = field(default_factory=lambda: deque(maxlen=_SWAPS))
    comparing: list[Callable[[Sample, Outcome, float], None]] = field(default_factory=list)
