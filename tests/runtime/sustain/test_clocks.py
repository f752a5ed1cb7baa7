"""Which clocks are a governor at its work, and which a processor that is held back."""

from __future__ import annotations

import itertools

import pytest

from edge_sdk.runtime.sustain.clocks import LoadedClocks
from edge_sdk.runtime.sustain.processors import Processors


def seen(*seconds):
    """Return what is seen of a processor with such a share of work and clock in MHz from second to second."""
    clocks, busy_s = LoadedClocks(), 0.0
    states = [Processors({"cpu0": 0.0}, {"cpu0": 600e6})]
    for share, mhz in seconds:
        busy_s += share
        states.append(Processors({"cpu0": busy_s}, {"cpu0": mhz * 1e6}))
    for before, now in itertools.pairwise(states):
        clocks.take(before, now, 1.0)
    return clocks.held_back()


FULL, CAPPED, IDLE = (1.0, 2400), (1.0, 1500), (0.1, 600)


@pytest.mark.parametrize(
    "seconds",
    [
        [FULL] * 30,
        [IDLE] * 30 + [FULL] * 30,
        [IDLE, FULL, IDLE, FULL, FULL] * 10,
        [(1.0, 600), (1.0, 1200), (1.0, 1800), *[FULL] * 20],
        [*[FULL] * 20, *[CAPPED] * 4, *[FULL] * 20],
        [*[FULL] * 20, *[(1.0, 2000)] * 20],
        [*[FULL] * 20, *[(0.9, 1500)] * 20],
        [CAPPED] * 30,
        [],
    ],
    ids=[
        "steady",
        "wakes up",
        "by turns",
        "ramp",
        "a moment",
        "more cores, less boost",
        "some load",
        "a mode",
        "nothing",
    ],
)
def test_a_governor_at_its_work_holds_nobody_back(seconds):
    assert seen(*seconds) == ""


@pytest.mark.parametrize(
    "seconds",
    [
        [*[FULL] * 20, *[CAPPED] * 8],
        [*[CAPPED] * 8, *[FULL] * 20],
        [*[FULL] * 20, *[CAPPED, CAPPED, CAPPED, IDLE] * 3],
    ],
    ids=["falls", "rises", "with pauses"],
)
def test_a_lower_clock_under_full_load_is_seen(seconds):
    assert seen(*seconds) == "under full load cpu0 had 1500 MHz or less for 5 s, and 2400 MHz at other times"


def test_a_processor_is_compared_with_itself():
    clocks = LoadedClocks()
    states = [Processors({"cpu0": s, "cpu4": s}, {"cpu0": 1.8e9, "cpu4": 2.4e9}) for s in range(20)]
    for before, now in itertools.pairwise(states):
        clocks.take(before, now, 1.0)
    assert clocks.held_back() == ""
