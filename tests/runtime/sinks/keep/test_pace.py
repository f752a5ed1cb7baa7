from __future__ import annotations

from edge_sdk.runtime.sinks.keep.pace import Pace


def test_each_reason_has_its_part_of_the_rate():
    pace, kept = Pace(("margin", "random"), per_hour=120, gap_s=0), {"margin": 0, "random": 0}
    for second in range(1, 2 * 3600):
        for reason in pace.open_reasons(second):
            if reason == "margin" or second % 600 == 0:
                pace.spend(reason)
                kept[reason] += 1
    assert 120 <= kept["margin"] <= 131
    assert kept["random"] == 11


def test_a_quiet_night_pays_for_ten_minutes_at_most():
    pace = Pace(("margin",), per_hour=60, gap_s=0)
    pace.open_reasons(1)
    burst = 0
    while pace.open_reasons(10 * 3600):
        pace.spend("margin")
        burst += 1
    assert burst == 10


def test_sources_and_reasons_are_looked_at_with_a_gap_each():
    pace = Pace(("margin", "flicker"), per_hour=60, gap_s=1.0)
    looks = [pace.due(source, ["margin"], at_s) for at_s in (0.0, 0.5, 1.0, 1.9, 2.0) for source in "ab"]
    assert [len(reasons) for reasons in looks] == [1, 1, 0, 0, 1, 1, 0, 0, 1, 1]
    assert pace.due("a", ["margin", "flicker"], 2.1) == {"flicker"}


def test_a_clip_that_begins_again_is_looked_at_again():
    pace = Pace(("margin",), per_hour=60, gap_s=1.0)
    assert all(pace.due("clip", ["margin"], at_s) for at_s in (0.0, 9.0, 0.0))
    assert pace.open_reasons(9.0) == pace.open_reasons(0.0) == {"margin"}


def test_the_pictures_of_a_folder_are_sources_each_and_are_forgotten():
    pace = Pace(("margin",), per_hour=60, gap_s=1.0)
    assert all(pace.due(f"{i}.jpg", ["margin"], 0.0) for i in range(1000))
    assert not pace.due("999.jpg", ["margin"], 0.0)
    assert pace.due("0.jpg", ["margin"], 0.0)
