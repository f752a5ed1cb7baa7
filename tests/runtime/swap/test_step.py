from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.runtime.swap import SwapOptions
from edge_sdk.runtime.swap.happening import (
    Asked,
    Compared,
    Emptied,
    Failed,
    Loaded,
    RunOver,
    Settled,
    Switched,
    Waited,
    Warmed,
    Watched,
    Weighed,
)
from edge_sdk.runtime.swap.step import LAST, OVER, Progress, step

FITS, TOO_LITTLE = Weighed(10, 20), Weighed(30_000_000, 20_000_000)
ALIKE = Compared(1.0, active_ms=10.0, candidate_ms=12.0, memory_bytes=7)


def go(options, *events):
    """Return the states and effects that these events lead through."""
    progress, path = Progress(options), []
    for event in events:
        progress, effect = step(progress, event)
        path.append((progress.state, effect))
    return progress, path


def test_a_swap_goes_all_its_way():
    options = SwapOptions(shadow_samples=2, watch_s=30.0)
    begun = (Asked(), FITS, Loaded(), Warmed(5, 1.0), ALIKE, ALIKE, Switched(10.0, 2.0))
    progress, path = go(options, *begun, Watched(100, 0, 11.0, 20.0), Watched(200, 0, 11.0, 33.0), Settled())
    assert path == [
        ("loading", "weigh"),
        ("loading", "load"),
        ("warming", "warm"),
        ("shadowing", "compare"),
        ("shadowing", "compare"),
        ("switching", "switch"),
        ("watching", "watch"),
        ("watching", "watch"),
        ("done", "release"),
        ("done", None),
    ]
    assert (progress.agreement, progress.memory_bytes, progress.latency_ratio) == (1.0, 7, 1.1)


def test_one_that_is_only_compared_is_closed_again_however_many_samples_there_were():
    options = SwapOptions(shadow_samples=2, shadow_within_s=10.0, min_agreement=0, takes_over=False)
    begun = (Asked(), FITS, Loaded(), Warmed(5, 1.0), ALIKE)
    _, path = go(options, *begun, ALIKE, Settled())
    assert path[-2:] == [("done", "discard"), ("done", None)]
    progress, path = go(options, *begun, Waited(12.0), Settled())
    assert path[-2:] == [("done", "discard"), ("done", None)]
    assert progress.cause == "1 samples in 10 s"
    progress, path = go(options, *begun, RunOver(), Settled())
    assert path[-2:] == [("done", "discard"), ("done", None)]


def test_without_shadow_and_watch_it_takes_over_at_once():
    options = SwapOptions(shadow_samples=0, watch_s=0)
    _, path = go(options, Asked(), FITS, Loaded(), Warmed(5, 1.0), Switched(math.nan, 1.0))
    assert path[3:] == [("switching", "switch"), ("done", "release")]


def test_where_two_do_not_fit_the_one_in_use_is_closed_first_and_nothing_is_compared():
    options = SwapOptions(allow_gap=True)
    _, path = go(options, Asked(), TOO_LITTLE, Emptied(), FITS, Loaded(), Warmed(5, 1.0))
    assert path[1:] == [
        ("emptying", "empty"),
        ("loading", "weigh"),
        ("loading", "load"),
        ("warming", "warm"),
        ("switching", "switch"),
    ]


TO_WATCH = (Asked(), FITS, Loaded(), Warmed(5, 1.0), ALIKE, Switched(10.0, 2.0))
IN_GAP = (Asked(), TOO_LITTLE, Emptied(), FITS, Loaded(), Warmed(5, 1.0), Switched(10.0, 2.0))
ENDS = {
    "does not fit": (
        (Asked(), TOO_LITTLE),
        ("refused", "discard", "two models do not fit: expected 30 MB free, got 20 MB; hint: allow a gap"),
    ),
    "no package": ((Asked(), Failed("2.edge: nothing there")), ("refused", "discard", "2.edge: nothing there")),
    "other answers": (
        (*TO_WATCH[:4], Compared(0.7, 10.0, 10.0, 0)),
        ("refused", "discard", "expected an agreement of 0.8 or more, got 0.70"),
    ),
    "slow": (
        (*TO_WATCH[:4], Compared(1.0, 10.0, 21.0, 0)),
        ("refused", "discard", "expected at most 2 times the latency of the model before, got 2.10 times (10.00 to"),
    ),
    "large": (
        (*TO_WATCH[:4], Compared(1.0, 10.0, 10.0, 60_000_000)),
        ("refused", "discard", "expected at most 50 MB of memory, got 60 MB"),
    ),
    "no samples": (
        (*TO_WATCH[:4], Waited(30.0), Waited(61.0)),
        ("refused", "discard", "expected 1 samples to compare in 60 s, got 0"),
    ),
    "errors": (
        (*TO_WATCH, Watched(10, 3, 10.0, 3.0)),
        ("rolled back", "return", "expected results, got 3 errors in 13 samples"),
    ),
    "slow later": (
        (*TO_WATCH, Watched(10, 0, 25.0, 3.0)),
        ("rolled back", "return", "expected at most 2 times the latency of the model before, got 2.50 times"),
    ),
    "ended before": ((*TO_WATCH[:3], RunOver()), ("refused", "discard", "the run has ended first")),
    "ended after": ((*TO_WATCH, RunOver()), ("done", "release", "the run has ended first")),
    "not to be closed": ((*IN_GAP[:2], Failed("no")), ("refused", "discard", "no")),
    "failed in a gap": ((*IN_GAP[:5], Failed("no")), ("refused", "restore", "no")),
    "does not fit alone": (
        (*IN_GAP[:3], TOO_LITTLE),
        ("refused", "restore", "it does not fit alone: expected 30 MB free, got 20 MB"),
    ),
    "errors after a gap": (
        (*IN_GAP, Watched(0, 3, math.nan, 3.0)),
        ("rolled back", "restore", "expected results, got 3 errors in 3 samples"),
    ),
}


@pytest.mark.parametrize(("events", "end"), ENDS.values(), ids=ENDS.keys())
def test_each_end_has_its_cause(events, end):
    gap = events[:2] == IN_GAP[:2] and len(events) > 2
    options = SwapOptions(shadow_samples=1, max_memory_bytes=50_000_000, allow_gap=gap)
    progress, path = go(options, *events)
    assert path[-1] == end[:2]
    assert progress.cause.startswith(end[2])


@pytest.mark.parametrize(
    "watched",
    [
        Watched(2, 2, 10.0, 3.0),  # too few to tell
        Watched(1000, 3, 10.0, 3.0),  # a bad sample now and then is none of the model's
        Watched(3, 0, 90.0, 3.0),  # the first are no measure
        Watched(100, 0, math.nan, 3.0),
    ],
)
def test_what_may_be_chance_does_not_end_a_watch(watched):
    assert go(SwapOptions(shadow_samples=1), *TO_WATCH, watched)[1][-1] == ("watching", "watch")


EVENTS = st.sampled_from([*TO_WATCH, *IN_GAP, Watched(9, 9, 1.0, 9.0), Waited(99.0), Failed("x"), RunOver(), Settled()])


@given(st.lists(EVENTS, max_size=12), st.booleans(), st.integers(0, 2))
def test_an_end_is_an_end_and_is_settled_once(events, allow_gap, shadow_samples):
    progress, is_over = Progress(SwapOptions(allow_gap=allow_gap, shadow_samples=shadow_samples)), False
    for event in events:
        progress, effect = step(progress, event)
        assert effect is None or (effect in LAST) == (progress.state in OVER)
        assert effect is None or not is_over
        is_over = progress.state in OVER


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("min_agreement", 1.1, "min_agreement: expected 0 to 1, got 1.1"),
        ("shadow_samples", -1, "shadow_samples: expected 0 or more, got -1"),
        ("watch_s", math.nan, "watch_s: expected 0 or more, got nan"),
        ("max_latency_ratio", 0, "max_latency_ratio: expected more than 0, got 0"),
    ],
)
def test_options_out_of_range_are_refused(field, value, message):
    with pytest.raises(InputError) as caught:
        SwapOptions(**{field: value})
    assert str(caught.value) == message
