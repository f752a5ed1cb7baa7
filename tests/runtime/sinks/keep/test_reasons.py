from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.runtime.follow import Line
from edge_sdk.runtime.follow.events import Heard
from edge_sdk.runtime.follow.lines import Crossing
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.runtime.sinks.keep.reasons import bare, chance_of, event_of, margin_of
from edge_sdk.tasks import Anomaly, Classification, TaskSpec
from tests.runtime.sinks.keep.outcomes import boxes, classes, seen

BOX = (0, 0, 10, 10)
SPEC = TaskSpec("detection", head="boxes-scores", score_threshold=0.5)


@pytest.mark.parametrize(
    ("value", "candidates", "strength"),
    [
        (classes(0.5, 0.5), None, 1.0),
        (classes(0.53, 0.47), None, 0.4),
        (classes(0.9, 0.1), None, 0.0),
        (classes(1.0), None, 0.0),
        (Classification((), ()), None, 0.0),
        (boxes((BOX, 0.95, 0)), boxes((BOX, 0.95, 0), (BOX, 0.45, 0)), 0.5),
        (boxes((BOX, 0.52, 0)), None, 0.8),
        (boxes(), boxes((BOX, 0.2, 0)), 0.0),
        (boxes(), boxes(), 0.0),
        (Anomaly(1.95, 2.0), None, 0.75),
        (Anomaly(5.0, 2.0), None, 0.0),
        (Anomaly(1.0, np.nan), None, 0.0),
        (Anomaly(np.nan, 2.0), None, 0.0),
    ],
)
def test_a_margin_is_low_where_another_answer_is_near(value, candidates, strength):
    _, outcome = seen(value, candidates=candidates)
    assert margin_of(outcome, SPEC, width=0.1) == pytest.approx(strength, abs=1e-5)


def test_a_crossing_and_a_heard_word_are_events():
    line, ids = Line("door", (0, 0), (1, 1)), np.zeros(0, np.int64)
    crossing = Crossing("door", 1, "in", 0.0, 0.1)
    values = [Tracked(boxes(), ids, ((line, {}),), crossings=(crossing,)), Tracked(boxes(), ids)]
    values += [Heard(classes(0.9), classes(0.9)), Heard(classes(0.9), Classification((), ())), classes(0.9)]
    assert [event_of(seen(value)[1]) for value in values] == [1, 0, 1, 0, 0]
    assert [type(bare(value)).__name__ for value in values[:3:2]] == ["Detections", "Classification"]


def test_chance_takes_one_of_so_many_and_the_same_again():
    _, outcome = seen(classes(1.0))
    taken = [chance_of(replace(outcome, seq=seq), one_in=50) for seq in range(20_000)]
    assert set(taken) == {0.0, 1.0}
    assert 320 < sum(taken) < 480
    assert taken[:100] == [chance_of(replace(outcome, seq=seq), one_in=50) for seq in range(100)]
