"""Looks at machines that never were, a second apart."""

from __future__ import annotations

from edge_sdk.runtime.sustain.processors import Processors
from edge_sdk.runtime.sustain.record import Look
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.usage import Usage

QUIET = BoardState()


def look(at_s, board=QUIET, *, busy=0.0, mhz=None, cpu_s=0.0):
    """Return a look at a machine of one processor, which worked for so many seconds of each second until now."""
    processors = Processors({"cpu0": busy * at_s}, {} if mhz is None else {"cpu0": mhz * 1e6})
    return Look(at_s, board, processors, Usage(10**8, cpu_s), frames=at_s * 10, frames_ms=at_s * 500.0)
