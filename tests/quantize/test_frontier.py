from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.package import Accuracy
from edge_sdk.quantize.frontier import Frontier, Point, agreement_of, knee_of, not_dominated


def point(time, agreement, holds=True, layers=()):
    measured = None if agreement is None else Accuracy("", None, None, None, None, agreement, 100)
    return Point("arm-int8", time, 1000, 1.0, measured, holds, layers)


POINTS = st.lists(st.builds(point, st.floats(1, 100), st.floats(0, 1), st.booleans()), min_size=1, max_size=12)


@given(POINTS)
def test_no_point_of_the_frontier_is_superfluous_and_none_is_missing(points):
    kept = not_dominated(points)
    assert [one.time for one in kept] == sorted(one.time for one in kept)
    for one in points:
        better = [
            other
            for other in kept
            if other.time <= one.time and agreement_of(other) >= agreement_of(one) and other.holds >= one.holds
        ]
        assert better, "neither it nor a better one was kept"
        assert one not in kept or better == [other for other in better if other == one]


def test_a_fast_point_beyond_the_budget_does_not_hide_one_within():
    fast, within = point(10, 0.99, holds=False), point(12, 0.98)
    assert not_dominated([within, fast]) == (fast, within)
    assert not_dominated([within, point(13, 0.97)]) == (within,)


def test_the_knee_is_where_more_time_begins_to_buy_little():
    fastest, knee, slow = point(10, 0.90), point(12, 0.98), point(18, 0.99)
    assert knee_of([fastest, knee, slow], fastest, 20) is knee
    straight = point(15, 0.94)
    assert knee_of([fastest, straight], fastest, 20) is fastest


def test_where_nothing_is_lost_the_fastest_is_the_knee():
    fastest = point(10, 1.0)
    assert knee_of([point(12, 1.0), fastest], fastest, 20) is fastest


def test_gains_are_told_against_the_float_variant():
    exact = Point("fp32", 20.0, None, 0.0, None, True)
    frontier = Frontier("board", "ms", "by a model", "knee", (point(10, 0.98), exact), 0, "why")
    assert (frontier.gain(frontier.chosen), frontier.gain(exact), agreement_of(exact)) == (2.0, 1.0, 1.0)
