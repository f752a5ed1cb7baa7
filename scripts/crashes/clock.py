"""Clocks years behind and ahead from one start of the agent to the next: the monotonic one of the update's life.

What is signed has its own clock, whose floor `tests/agent/trust` attacks; times of files are those of `damage`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from scripts.crashes.board import start
from scripts.crashes.damage import STAGES
from scripts.crashes.fault import GOOD, Fault, Laboratory

_YEARS_20_S = 20 * 365.25 * 86400


def wrong_clocks(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent in a stage, and start it again with another time."""
    cases = itertools.product(STAGES, (-_YEARS_20_S, _YEARS_20_S))
    for stage, offset_s in itertools.islice(itertools.cycle(cases), count):
        board = lab.world.board("clock")
        start(lab.world, board, replace(GOOD, dies_in=stage))
        kind = f"clock 20 years {'ahead' if offset_s > 0 else 'behind'}"
        yield replace(lab.outlive(board, replace(GOOD, offset_s=offset_s), kind), stage=stage)
