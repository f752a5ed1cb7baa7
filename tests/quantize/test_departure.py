from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.departure import Departure, Swap, find_departures
from edge_sdk.tasks import Classification, Detections, LabelledBoxes, TaskSpec, TensorResult, build_task

CLASSES = build_task(TaskSpec("classification"))
BOXES = build_task(TaskSpec("detection", head="boxes-scores", score_threshold=0.3))
HERE, THERE, FAR = (0, 0, 10, 10), (0, 0, 10, 9), (50, 50, 60, 60)


def named(*classes):
    return [Classification((one, 9), (0.75, 0.25)) if one is not None else Classification((), ()) for one in classes]


def found(*boxes):
    """Return the boxes of a picture, each (xyxy, score, class)."""
    xyxy = np.array([box for box, _, _ in boxes], np.float32).reshape(-1, 4)
    return Detections(
        xyxy, np.array([score for _, score, _ in boxes], np.float32), np.array([c for _, _, c in boxes], np.int64)
    )


def test_classes_that_changed_are_found_with_what_is_true():
    departures = find_departures(CLASSES, named(0, 1, 2, 3, 4), named(0, 5, 6, 7, None), [0, 1, 6, 8, 4])
    assert departures == (
        Departure(1, 0.0, (Swap(1, 5, 0.75, 0.75, True, False),), 1),
        Departure(2, 0.0, (Swap(2, 6, 0.75, 0.75, False, True),), 6),
        Departure(3, 0.0, (Swap(3, 7, 0.75, 0.75, False, False),), 8),
        Departure(4, 0.0, (Swap(4, None, 0.75, 0.0, True, False),), 4),
    )


def test_without_labels_nobody_is_right():
    (departure,) = find_departures(CLASSES, named(1), named(2), None)
    assert departure == Departure(0, 0.0, (Swap(1, 2, 0.75, 0.75, None, None),))


def test_boxes_that_agree_are_no_departure():
    assert find_departures(BOXES, [found((HERE, 0.9, 1))], [found((THERE, 0.4, 1), (FAR, 0.2, 0))], None) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "classes", "scores", "rights", "box"),
    [
        ([(HERE, 0.5, 1)], [(THERE, 0.25, 1)], (1, None), (0.5, 0.25), (True, False), HERE),
        ([(FAR, 0.5, 1)], [], (1, None), (0.5, 0.0), (False, True), FAR),
        ([(HERE, 0.125, 1)], [(THERE, 0.5, 1)], (None, 1), (0.125, 0.5), (False, True), THERE),
        ([], [(FAR, 0.5, 0)], (None, 0), (0.0, 0.5), (True, False), FAR),
        ([(HERE, 0.5, 1)], [(THERE, 0.75, 2)], (1, 2), (0.5, 0.75), (True, False), HERE),
    ],
)
def test_a_box_is_lost_found_or_named_otherwise(ours, theirs, classes, scores, rights, box):
    truth = LabelledBoxes(np.array([HERE], np.float32), np.array([1]))
    (departure,) = find_departures(BOXES, [found(*ours)], [found(*theirs)], [truth])
    assert departure == Departure(0, 0.0, (Swap(*classes, *scores, *rights, tuple(map(float, box))),))


def test_a_box_above_the_threshold_that_is_another_ones_is_not_taken_for_a_lost_one():
    ours, theirs = found((HERE, 0.5, 1), (THERE, 0.4, 1)), found((HERE, 0.75, 1))
    (departure,) = find_departures(BOXES, [ours], [theirs], None)
    assert [(swap.before_score, swap.after_score) for swap in departure.swaps] == [(pytest.approx(0.4), 0.0)]


def test_of_tensors_those_that_agree_least_are_kept_in_order():
    task = build_task(TaskSpec("tensor"))
    results = [TensorResult({"y": np.array([1.0, 0.0])}) for _ in range(20)]
    others = [TensorResult({"y": np.array([1.0 - (i % 7) / 10, 0.0])}) for i in range(20)]
    departures = find_departures(task, results, others, None)
    assert [one.index for one in departures] == [2, 3, 4, 5, 6, 10, 11, 12, 13, 17, 18, 19]
    assert departures[4] == Departure(6, pytest.approx(0.4), ())
