"""The governor in time of its own: no clock, no thread, no file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import tomllib
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.runtime.thrift.governor import Footing, GovernorOptions, Readings, Rung, step

CASES = tomllib.loads((Path(__file__).parents[2] / "cases/runtime/governor/steps.toml").read_text())["case"]
LADDER = (Rung("full"), Rung("15 fps", 15), Rung("10 fps", 10), Rung("5 fps", 5))
OPTIONS = GovernorOptions(LADDER, deadline_ms=200)


def walk(readings, options=OPTIONS):
    """Return each footing of readings a second apart, and each step as time, rung and cause."""
    footing, footings, steps = Footing(), [], []
    for now_s, one in enumerate(readings):
        footing, cause = step(footing, one, options, now_s=now_s)
        footings.append(footing)
        if cause:
            steps.append((now_s, footing.rung, cause))
    return footings, steps


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_readings_lead_to_steps(case):
    told = [(one.pop("from_s"), frozenset(one.pop("limits", ())), one) for one in map(dict, case["readings"])]
    readings = [Readings()] * case["until_s"]
    for from_s, limits, figures in told:
        readings[from_s:] = [Readings(**figures, limits=limits)] * (case["until_s"] - from_s)
    assert walk(readings)[1] == [(one["at_s"], one["rung"], one["cause"]) for one in case["steps"]]


def test_the_patience_after_many_slips_has_an_end_and_is_forgotten():
    waits = []
    footing = Footing(rung=1)
    for slips in (0, 1, 4, 9):
        footing = Footing(rung=1, slips=slips)
        now_s = next(s for s in range(10_000) if step(footing, Readings(), OPTIONS, now_s=s)[1])
        waits.append(now_s)
    assert waits == [60, 120, 960, 960]
    forgetful = Footing(rung=0, slips=4, climbed_s=0)
    assert step(forgetful, Readings(), OPTIONS, now_s=1919)[0].slips == 4
    assert step(forgetful, Readings(), OPTIONS, now_s=1920)[0].slips == 0


spells = st.lists(
    st.tuples(
        st.integers(1, 200),
        st.builds(
            Readings,
            st.none() | st.floats(20, 110),
            st.sampled_from([frozenset(), frozenset(), frozenset({"throttled"})]),
            st.none() | st.floats(0, 500),
        ),
    ),
    max_size=30,
)


@given(spells)
def test_it_never_leaves_the_ladder_nor_climbs_while_a_cause_lasts_nor_hurries(spells):
    readings = [one for seconds, one in spells for _ in range(seconds)]
    footings, steps = walk(readings)
    assert all(0 <= footing.rung < len(LADDER) for footing in footings)
    rungs = [0, *(rung for _, rung, _ in steps)]
    assert all(abs(after - before) == 1 for before, after in pairwise(rungs))
    for before, (now_s, rung, cause) in zip(rungs, steps, strict=False):
        lately = footings[max(0, now_s - (5 if rung > before else 60)) : now_s + 1]
        assert all(bool(footing.cause) == (rung > before) for footing in lately)
        assert cause
    times_s = [0, *(now_s for now_s, _, _ in steps)]
    assert all(after - before >= 5 for before, after in pairwise(times_s))


@given(st.integers(1, 59), st.integers(6, 300))
def test_a_board_that_throttles_at_the_top_only_swings_ever_more_rarely(delay_s, hours):
    """At the top it is throttled after a while, below never: the climbs in a time grow with its logarithm at first."""
    footing, climbs, top_s = Footing(), [], 0
    for now_s in range(hours * 60):
        top_s = top_s + 1 if footing.rung == 0 else 0
        limits = frozenset({"throttled"} if top_s > delay_s else ())
        before = footing.rung
        footing, _ = step(footing, Readings(limits=limits), OPTIONS, now_s=now_s)
        if footing.rung < before:
            climbs.append(now_s)
    gaps = [after - before for before, after in pairwise(climbs)]
    assert gaps == sorted(gaps)
    assert all(gap >= min(60 * 2**number, 960) for number, gap in enumerate(gaps, start=1))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ladder": LADDER[:1]}, "ladder: expected two rungs or more, got 1"),
        ({"ladder": (*LADDER, Rung("x", 7))}, "ladder: expected rates above 0 that fall, got 15, 10, 5, 7"),
        ({"ladder": (*LADDER, Rung("x", 0))}, "ladder: expected rates above 0 that fall, got 15, 10, 5, 0"),
        ({"ladder": (*LADDER, Rung("x", 5, lambda: None))}, "ladder: expected a model on each rung or on none"),
        ({"ladder": LADDER, "deadline_ms": 0}, "deadline_ms: expected more than 0, got 0"),
        ({"ladder": LADDER, "up_after_s": -1}, "up_after_s: expected more than 0, got -1"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(InputError, match=told):
        GovernorOptions(**wrong)
