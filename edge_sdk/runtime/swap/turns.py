"""Threads of Python take shorter turns while a model is exchanged.

A thread that computes in Python keeps the others waiting for up to 5 ms each time they come back from a library, and a
sample comes back a dozen times on its way. Reading a package is such a computation, of 60 ms.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TURN_S = 0.0005
_lock = threading.Lock()
_usual_s: list[float] = []
"""The usual length, once for each block that is open."""


@contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns of half a millisecond, until the last block of this kind ends."""
    with _lock:
        _usual_s.append(_usual_s[0] if _usual_s else sys.getswitchinterval())
        sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        with _lock:
            usual_s = _usual_s.pop()
            if not _usual_s:
                sys.setswitchinterval(usual_s)
