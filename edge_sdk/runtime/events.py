"""What happened to a run's sources: logged, given to those who listen, and the last hundred kept."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_KEPT = 100
_GOOD = frozenset({"live", "clear", "ended"} | {"loading", "warming", "shadowing", "switching", "watching", "done"})


@dataclass(frozen=True, slots=True)
class Event:
    """A change.

    Attributes:
        at_ns: When, on the monotonic clock, as `captured_ns` of live samples.
        source: Of which source.
        before: What was before: a state (`live`, `stalled`, …) or what the camera saw (`clear`, `black`, …).
        after: What is now.
        cause: Why.
    """

    at_ns: int
    source: str
    before: str
    after: str
    cause: str


class Events:
    """The events of a run; may be told from any thread.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._listeners: list[Callable[[Event], None]] = []
        self._last: deque[Event] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    @property
    def last(self) -> tuple[Event, ...]:
        """The last hundred, the oldest first."""
        with self._lock:
            return tuple(self._last)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call a function with each event, in the thread that tells it."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """Take an event."""
        with self._lock:
            self.count += 1
            self._last.append(event)
        level = logging.INFO if event.after in _GOOD else logging.WARNING
        log.log(level, "%s: %s, was %s: %s", event.source, event.after, event.before, event.cause)
        for listen in self._listeners:
            listen(event)
