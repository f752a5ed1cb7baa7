"""What time it is at least, for boards whose clock starts in 1970.

- The time is the latest of: the system's clock, the last time that was kept, and when this version was made. It does
  not go back over a power cut.
- Only a clock that the system calls synchronized is kept: one that once ran ahead must not make all metadata of the
  world expire. A new root ends what was kept (`forget`), so that offline keys can help a fleet that was misled.
- Nothing here stops a board: what has expired is not fetched, and what runs goes on.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

from edge_sdk.agent.state import State

MADE_UNIX_S = 1_795_824_000
"""28 November 2026: no true clock is earlier. Moved up with each version."""
_NAME = "time/floor"
_STEP_S = 600
"""How far the clock goes on before it is kept again: the flash is written at most so often."""
_TIMEX_BYTES = 256  # struct timex has 208 on 64-bit Linux
_UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)


def is_synchronized() -> bool:
    """Tell whether the kernel's clock is kept in step with others, by NTP or the like."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return False
    return 0 <= int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))) < _UNSYNCHRONIZED


class TimeFloor:
    """The time of one board."""

    def __init__(
        self,
        state: State,
        *,
        clock: Callable[[], float] = time.time,
        is_synchronized: Callable[[], bool] = is_synchronized,
        made_unix_s: float = MADE_UNIX_S,
    ) -> None:
        """Read what was kept.

        Args:
            state: Where it is kept.
            clock: The system's clock, in seconds since 1970.
            is_synchronized: Whether that clock is in step with others.
            made_unix_s: A time before which this program did not exist.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        self._state, self._clock, self._is_synchronized = state, clock, is_synchronized
        self._made_unix_s = made_unix_s
        self.kept_unix_s = _whole(state.read(_NAME))

    def bare_unix_s(self) -> float:
        """Return the time without what was kept."""
        return max(self._clock(), self._made_unix_s)

    def now_unix_s(self) -> float:
        """Return what time it is at least."""
        return max(self.bare_unix_s(), self.kept_unix_s)

    def is_trusted(self) -> bool:
        """Tell whether the clock can be right: it is in step with others, and not before what was kept."""
        return self._is_synchronized() and self._clock() >= max(self._made_unix_s, self.kept_unix_s)

    def observe(self) -> None:
        """Keep the time if it can be right and some minutes have gone by; to be called now and then.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        now_unix_s = int(self._clock())
        if now_unix_s >= self.kept_unix_s + _STEP_S and self.is_trusted():
            self._state.write({_NAME: str(now_unix_s).encode()})
            self.kept_unix_s = now_unix_s

    def forget(self) -> None:
        """Forget what was kept.

        Raises:
            UnavailableError: The disk is full or cannot be written.
        """
        self._state.write({_NAME: None})
        self.kept_unix_s = 0


def _whole(data: bytes | None) -> int:
    return int(data) if data and data.isdigit() else 0
