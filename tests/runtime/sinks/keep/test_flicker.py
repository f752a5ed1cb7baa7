from __future__ import annotations

import pytest

from edge_sdk.runtime.sinks.keep.flicker import Flicker
from edge_sdk.tasks import TaskSpec, build_task
from tests.runtime.sinks.keep.outcomes import boxes, classes, seen

CLASSES = build_task(TaskSpec("classification"))
BOXES = build_task(TaskSpec("detection", head="boxes-scores", score_threshold=0.5))
HERE, THERE = (0, 0, 20, 20), (50, 0, 70, 20)


def flickered(task, values, *, step_s=0.1):
    """Return the numbers of the samples that flickered, with how much."""
    watch = Flicker(task)
    told = [watch.see(*seen(value, seq=seq, at_s=1 + seq * step_s)) for seq, value in enumerate(values)]
    return [(one.sample.seq, round(one.score, 2)) for one in told if one is not None]


def of_classes(text):
    return [classes((int(letter), 1.0)) for letter in text]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("0001000", [(3, 1.0)]),
        ("00110000", [(2, 1.0)]),
        ("0012000", [(2, 1.0)]),
        ("0000111111111", []),
        ("000011111100000", []),
        ("00100100", [(2, 1.0), (5, 1.0)]),
        ("0", []),
    ],
)
def test_a_class_that_changes_back_soon_flickers(answers, found):
    assert flickered(CLASSES, of_classes(answers)) == found


def test_answers_that_lie_apart_are_no_neighbours():
    assert flickered(CLASSES, of_classes("0010"), step_s=1.5) == []
    assert flickered(CLASSES, of_classes("0010"), step_s=0.5) == [(2, 1.0)]


@pytest.mark.parametrize("between", [[(HERE, 0.9, 0)], [(HERE, 0.9, 0), (THERE, 0.9, 1)], []])
def test_a_box_that_vanishes_or_changes_its_class_flickers(between):
    both = boxes((HERE, 0.9, 0), (THERE, 0.9, 0))
    [(seq, score)] = flickered(BOXES, [both, both, boxes(*between), both])
    assert (seq, score > 0.3) == (2, True)


def test_a_box_that_appears_for_one_picture_flickers_and_one_that_moves_does_not():
    one = boxes((HERE, 0.9, 0))
    [(seq, _)] = flickered(BOXES, [one, boxes((HERE, 0.9, 0), (THERE, 0.9, 0)), one, one])
    assert seq == 1
    assert flickered(BOXES, [boxes(((x, 0, x + 20, 20), 0.9, 0)) for x in range(0, 60, 4)]) == []
    assert flickered(BOXES, [boxes(((x, 0, x + 20, 20), 0.9, 0)) for x in range(0, 600, 40)]) == []
