from __future__ import annotations

import math
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.runtime import Run
from edge_sdk.runtime.follow import BySource, Line, TrackFollower, Zone
from edge_sdk.runtime.follow.geometry import is_inside, meeting, side
from edge_sdk.runtime.follow.record import Watch
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.runtime.frame import Outcome, Timings
from edge_sdk.tasks import Classification, Detections
from tests.fakes import Keep, Replay

DOOR = Line("door", (300, 400), (300, 0))
BAY = Zone("bay", ((200, 0), (400, 0), (400, 400), (200, 400)))


def outcome(value, number: int, *, fps: float = 30.0) -> Outcome:
    return Outcome(
        seq=number,
        captured_ns=round(number * 1e9 / fps),
        clock="driver",
        source="camera:0",
        model="0" * 64,
        value=value,
        labels=("person",),
        timings=Timings(0, 0, 0),
        age_ms=1.0,
    )


def people(*feet: tuple[float, float]) -> Detections:
    xyxy = np.array([[x - 20, y - 80, x + 20, y] for x, y in feet], np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(len(feet), 0.9, np.float32), np.zeros(len(feet), np.int64))


def walk(follower: TrackFollower, feet, numbers=None) -> list[Tracked]:
    """Follow one thing along its feet; only the pictures of the numbers come, all if none are told."""
    chosen = range(len(feet)) if numbers is None else numbers
    values = [follower.follow(outcome(people(feet[i]), i)).value for i in chosen]
    assert all(isinstance(value, Tracked) for value in values)
    return values


def across(count: int = 61) -> list[tuple[float, float]]:
    return [(150 + 300 * i / (count - 1), 200) for i in range(count)]


@pytest.mark.parametrize(("feet", "way"), [(across(), {"in": 1, "out": 0}), (across()[::-1], {"in": 0, "out": 1})])
def test_a_thing_that_crosses_a_line_is_counted_once_and_its_way(feet, way):
    values = walk(TrackFollower(lines=[DOOR]), feet)
    assert values[-1].lines[0][1] == {**way, "missed_at_most": 0}
    (crossing,) = [one for value in values for one in value.crossings]
    assert crossing.at_s == pytest.approx(1.0, abs=0.05)
    assert crossing.to_data()["track"] == 1


def test_a_crossing_between_two_sights_is_counted_where_the_path_meets_the_line():
    numbers = [*range(20), *range(42, 61)]
    values = walk(TrackFollower(lines=[DOOR]), across(), numbers)
    (crossing,) = [one for value in values for one in value.crossings]
    assert crossing.at_s == pytest.approx(1.0, abs=0.02)
    assert crossing.gap_s == pytest.approx(23 / 30)
    data = values[-1].to_data(("person",))
    assert data["unseen_share"] == pytest.approx(22 / 61, abs=1e-6)
    assert data["lines"]["door"] == {"in": 1, "out": 0, "missed_at_most": 2}


def test_a_thing_beside_the_end_of_a_line_crosses_nothing():
    feet = [(x, 450) for x, _ in across()]
    assert walk(TrackFollower(lines=[DOOR]), feet)[-1].lines[0][1]["in"] == 0


def test_a_thing_that_trembles_on_a_line_is_counted_once():
    rng = np.random.default_rng(0)
    feet = [*across()[:31], *[(300 + dx, 200) for dx in rng.normal(0, 1.2, 60)], *across()[31:]]
    assert walk(TrackFollower(lines=[DOOR]), feet)[-1].lines[0][1] == {"in": 1, "out": 0, "missed_at_most": 0}


def test_what_is_not_confirmed_is_never_counted():
    follower = TrackFollower(lines=[DOOR], zones=[BAY])
    for i in range(200):  # boxes that flicker on either side of the line, 5 pictures each
        feet = [(290 + 20 * (i % 2), 100 + 40 * (i // 5 % 7))] if i % 5 < 3 else []
        value = follower.follow(outcome(people(*feet), i)).value
    assert value.lines[0][1] == {"in": 0, "out": 0, "missed_at_most": 0}
    assert value.zones[0][1]["entered"] == 0


def test_the_path_before_a_thing_is_confirmed_counts_too():
    feet = [(280 + 10 * i, 200) for i in range(30)]
    values = walk(TrackFollower(lines=[DOOR]), feet)
    assert values[-1].lines[0][1]["in"] == 1
    assert values[3].lines[0][1]["in"] == 0


@settings(max_examples=40)
@given(st.floats(0, 0.6), st.integers(0, 10_000), st.booleans())
def test_dropped_pictures_change_no_count_while_gaps_are_shorter_than_a_life(share, seed, is_back):
    rng = np.random.default_rng(seed)
    feet = across(91)[::-1] if is_back else across(91)
    kept = [i for i in range(91) if i in {0, 90} or rng.random() >= share]
    if max(np.diff(kept)) > 25:
        return
    counts = walk(TrackFollower(lines=[DOOR]), feet, kept)[-1].lines[0][1]
    assert (counts["in"], counts["out"]) == ((0, 1) if is_back else (1, 0))


def test_a_zone_tells_who_is_in_it_and_for_how_long():
    values = walk(TrackFollower(zones=[BAY]), across())
    middle, last = values[35].zones[0][1], values[-1].zones[0][1]
    assert middle["entered"] == 1
    assert middle["inside"]["1"] == pytest.approx(35 / 30 - 1 / 3, abs=0.05)
    assert last["inside"] == {}
    assert last["stayed_s"] == last["longest_s"] == pytest.approx(4 / 3, abs=0.06)


def test_a_thing_that_is_lost_in_a_zone_leaves_where_it_was_last_seen():
    follower = TrackFollower(zones=[BAY])
    walk(follower, across()[:31])
    value = follower.follow(outcome(people(), 90)).value
    assert value.zones[0][1]["inside"] == {}
    assert value.zones[0][1]["stayed_s"] == pytest.approx(1 - 1 / 3, abs=0.05)
    assert value.zones[0][1]["missed_at_most"] > 0


def test_the_data_of_a_box_has_its_track():
    data = walk(TrackFollower(), across(20))[-1].to_data(("person",))
    assert [(one["label"], one["track"]) for one in data["boxes"]] == [("person", 1)]
    assert set(data) == {"boxes", "unseen_share"}


def test_users_of_supervision_get_the_tracks(monkeypatch):
    class Theirs:
        def __init__(self, xyxy, confidence=None, class_id=None):
            self.tracker_id = None

    monkeypatch.setitem(sys.modules, "supervision", types.SimpleNamespace(Detections=Theirs))
    values = walk(TrackFollower(), across(20))
    assert values[0].to_supervision().tracker_id.tolist() == [-1]
    assert values[-1].to_supervision().tracker_id.tolist() == [1]


def test_what_has_no_boxes_is_refused():
    with pytest.raises(InputError, match=r"^track: expected a model of boxes, got Classification$"):
        TrackFollower().follow(outcome(Classification((), ()), 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Line("a", (1, 1), (1, 1)), "line a: expected two different points, got (1, 1) twice"),
        (lambda: Zone("b", ((0, 0), (1, 1), (0, 0))), "zone b: expected three different corners or more, got 2"),
        (lambda: TrackFollower(lines=[DOOR, DOOR]), "line: expected each name once, got door, door"),
    ],
)
def test_impossible_lines_and_zones_are_refused(make, message):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("one", "share"),
    [(((0, 0), (10, 0)), 0.5), (((0, 3), (10, 3)), None), (((5, -2), (5, -1)), None), (((4, -1), (6, 1)), 0.5)],
)
def test_a_segment_meets_another_in_the_middle_or_not(one, share):
    assert meeting(one, ((5, -2), (5, 2))) == share


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_a_point_is_in_a_polygon_or_not(x, y):
    corners = ((-5, 0), (0, -5), (5, 0), (0, 5))
    if abs(abs(x) + abs(y) - 5) > 1e-6:
        assert is_inside((x, y), corners) == (abs(x) + abs(y) < 5)


def test_the_right_of_a_line_is_that_of_who_walks_along_it():
    assert side((10, 0), (0, 10), (0, 0)) == 10  # walking up the picture, to the right of it
    assert side((-10, 5), (0, 10), (0, 0)) == -10


def test_what_can_be_missed_follows_from_the_time_that_went_unseen():
    watch = Watch(0.2)
    for i in range(100):
        watch.step(i, i / 10)
    assert watch.missed_at_most(50) == 0
    watch.step(110, 11.0)
    expected = 50 * 1.1 / 9.9
    assert watch.missed_at_most(50) == math.ceil(expected + 1.645 * math.sqrt(expected))
    assert watch.unseen_share == pytest.approx(10 / 111)


def test_each_source_has_tracks_of_its_own():
    both = BySource(TrackFollower, most=2)
    for i in range(10):
        for name in ("left", "right"):
            value = both.follow(replace(outcome(people((100, 200)), i), source=name)).value
            assert value.ids.tolist() == ([1] if i > 5 else [0])
    with pytest.raises(InputError, match=r"^follow: expected 2 sources, got third too$"):
        both.follow(replace(outcome(people(), 0), source="third"))


def test_the_pictures_of_a_folder_are_followed_together():
    alone = BySource(TrackFollower, most=1)
    values = [alone.follow(replace(outcome(people((100, 200)), i), source=f"{i}.jpg")).value for i in range(10)]
    assert values[-1].ids.tolist() == [1]


def test_a_run_gives_followed_outcomes_to_its_sinks(boxes):
    sink = Keep()
    pictures = [np.zeros((32, 48, 3), np.uint8)] * 4
    follow = TrackFollower(zones=[Zone("left", ((0, 0), (24, 0), (24, 32), (0, 32)))]).follow
    report = Run(boxes, Replay(pictures), sinks=[sink], follow=follow).execute()
    assert report.accounts.results == 4
    assert [one.value.ids.tolist() for one in sink.outcomes] == [[0, 0], [1, 0], [1, 0], [1, 0]]
    assert sink.outcomes[-1].to_data()["value"]["zones"]["left"]["inside"] == {"1": 3.0}


def test_a_run_whose_outcomes_cannot_be_followed_counts_errors(colors):
    run = Run(colors, Replay([np.zeros((32, 48, 3), np.uint8)] * 2), follow=TrackFollower().follow)
    with pytest.raises(InputError, match=r"track: expected a model of boxes, got Classification"):
        run.execute()
    assert run.report().accounts.errors == 2
