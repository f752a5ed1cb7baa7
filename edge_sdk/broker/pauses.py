"""How long to wait before connecting again: full jitter, so that a fleet does not come back all at once.

Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from random import uniform

_FIRST_S = 1.0
_LONGEST_S = 60.0
_PROVEN_S = 30.0
"""A connection that held for so long was a good one; a broker that lets in and throws out does not start it anew."""


class Pauses:
    """The pauses of one link."""

    def __init__(self, *, longest_s: float = _LONGEST_S, draw: Callable[[float, float], float] = uniform) -> None:
        self._longest_s, self._draw = longest_s, draw
        self._failures = 0

    def after(self, *, held_s: float) -> float:
        """Return how long to wait after a connection that held for so long, in seconds."""
        self._failures = 0 if held_s >= _PROVEN_S else self._failures + 1
        return self._draw(0.0, min(self._longest_s, _FIRST_S * 2.0 ** min(self._failures, 16)))
