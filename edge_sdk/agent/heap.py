"""Keeps the agent small: what was freed goes back to the system, threads share one heap. Does nothing without glibc."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8


def share_one() -> None:
    """Let all threads use one heap: those of the agent mostly wait, and heaps of their own would only grow."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give back what was freed (malloc_trim(3)): what importing left alone is 5 MB."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
