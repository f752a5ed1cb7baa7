"""Memory that was freed, given back to the system: the C library keeps it for later, on a board that others share."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Give freed memory back; does nothing where the C library is not glibc.

    Opening a model leaves some megabytes, and closing one most of its size.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
