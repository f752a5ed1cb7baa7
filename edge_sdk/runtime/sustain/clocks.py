"""Whether a processor's clock was lower for a while than it can be, by what it had under full load alone.

- A clock that falls where there is little to do, and rises a moment after there is more, is a governor at its work. So
  only seconds count in which the processor worked all the time, from the second such one on.
- A processor is compared with itself: what stands in its data sheet is often the boost of one core.
- It was held back if five such seconds in a row all had less than 80 % of its best. A step less than that is what more
  busy cores cost a boost, and a single reading is taken at any moment of a governor's ramp.

Pure.
"""

from __future__ import annotations

from collections import deque

from edge_sdk.runtime.sustain.processors import Processors

_FULL = 0.95
_LESS = 0.8
_IN_A_ROW = 5


class LoadedClocks:
    """The clocks of all processors under full load."""

    def __init__(self) -> None:
        self._was_loaded: frozenset[str] = frozenset()
        self._recent: dict[str, deque[float]] = {}
        self._best: dict[str, float] = {}
        self._plateau: dict[str, float] = {}

    def take(self, before: Processors, now: Processors, elapsed_s: float) -> None:
        """Take two states of the processors, one after the other.

        Args:
            before: The earlier one.
            now: The later one.
            elapsed_s: What lies between them, in seconds.
        """
        worked_s = now.worked_since(before)
        is_loaded = frozenset(name for name, worked in worked_s.items() if worked >= _FULL * elapsed_s)
        for name in sorted(is_loaded & self._was_loaded & now.clock_hz.keys()):
            recent = self._recent.setdefault(name, deque(maxlen=_IN_A_ROW))
            recent.append(now.clock_hz[name])
            self._best[name] = max(self._best.get(name, 0.0), recent[-1])
            if len(recent) == _IN_A_ROW:
                self._plateau[name] = min(self._plateau.get(name, recent[-1]), max(recent))
        self._was_loaded = is_loaded

    def held_back(self) -> str:
        """Return what was seen of the processor that was held back most, empty where none was."""
        shares = {name: plateau_hz / self._best[name] for name, plateau_hz in self._plateau.items()}
        name = min(shares, key=lambda name: shares[name], default="")
        if not name or shares[name] >= _LESS:
            return ""
        plateau, best = (f"{hz / 1e6:.0f} MHz" for hz in (self._plateau[name], self._best[name]))
        return f"under full load {name} had {plateau} or less for {_IN_A_ROW} s, and {best} at other times"
