from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.runtime.draw import annotate, captions
from edge_sdk.runtime.follow import Line, Zone
from edge_sdk.runtime.follow.events import Heard
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.tasks import (
    Anomaly,
    Classification,
    Detections,
    Forecast,
    Instances,
    Poses,
    SegmentationMap,
    TensorResult,
)

LABELS = ("bolt", "nut")
HERE = np.array([1.0, 1.0, 0, 0])


def found(*xyxy, classes=None):
    count = len(xyxy)
    kinds = np.array(classes or [0] * count, np.int64)
    return Detections(np.array(xyxy, np.float32).reshape(-1, 4), np.full(count, 0.5, np.float32), kinds)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Classification((1, 5), (0.75, 0.25)), ["nut 0.75", "class 5 0.25"]),
        (found([0, 0, 9, 9], [1, 1, 5, 5], classes=[0, 1]), ["bolt 0.50", "nut 0.50"]),
        (found(), []),
        (SegmentationMap(np.array([[0, 1], [1, 1]], np.int16), HERE, np.array([2, 2])), ["nut 75%", "bolt 25%"]),
        (Anomaly(0.5, 0.25), ["anomalous 0.5 of 0.25"]),
        (Anomaly(0.5, float("nan")), ["normal 0.5"]),
        (Forecast(np.array([1, 2.5], np.float32)), ["forecast [1, 2.5]"]),
        (TensorResult({"y": np.array([[0.123456, 2]], np.float32)}), ["y [0.1235, 2]"]),
        (TensorResult({"y": np.zeros((1, 80, 10, 10), np.float32)}), ["y float32 [1, 80, 10, 10]"]),
        (TensorResult({"label": np.array([7])}), ["label [7]"]),
    ],
)
def test_a_result_is_told_in_words(value, words):
    assert captions(value, LABELS) == words


@pytest.mark.parametrize("size_wh", [(320, 96), (96, 320)])
def test_a_box_is_drawn_where_it_is(size_wh):
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    drawn = annotate(picture, found([30, 40, 70, 80]), LABELS)
    assert drawn[80, 50].any()
    assert drawn[60, 30].any()
    assert drawn[60, 70].any()
    assert not drawn[60, 50].any()
    assert not picture.any()


def test_classes_differ_in_colour():
    picture = np.zeros((100, 100, 3), np.uint8)
    colors = [tuple(annotate(picture, found([10, 40, 90, 90], classes=[i]), LABELS)[90, 50]) for i in range(10)]
    assert len(set(colors)) == 10


@pytest.mark.parametrize("xyxy", [[0, 0, 2, 2], [95, 0, 100, 40], [0, 0, 100, 60], [50, 59, 51, 60]])
def test_a_box_at_the_edge_has_its_name_inside_the_picture(xyxy):
    drawn = annotate(np.zeros((60, 100, 3), np.uint8), found(xyxy), LABELS)
    filled = (drawn.any(axis=2)).sum()
    assert drawn.shape == (60, 100, 3)
    assert filled > 12 * 30


def test_the_best_classes_are_written_in_the_corner():
    drawn = annotate(np.full((60, 100, 3), 128, np.uint8), Classification((0, 1), (0.9, 0.1)), LABELS)
    assert (drawn[:24, :40] != 128).any()
    assert (drawn[40:] == 128).all()


def test_a_map_is_mixed_into_the_picture_but_for_its_ground():
    classes = np.zeros((60, 100), np.int16)
    classes[:, 50:] = 1
    drawn = annotate(np.full((60, 100, 3), 100, np.uint8), SegmentationMap(classes, HERE, np.array([100, 60])), LABELS)
    assert (drawn[50, :50] == 100).all()
    assert (drawn[50, 50:] != 100).all()


def test_a_mask_is_mixed_into_its_box_alone():
    bits = np.packbits(np.tril(np.ones((1, 40, 40), bool)), axis=2)
    boxes = np.array([[0, 0, 40, 40]], np.float32)
    things = Instances(boxes, np.array([0.9]), np.array([1]), bits, np.array([40, 40]), HERE, np.array([100, 60]))
    drawn = annotate(np.full((60, 100, 3), 100, np.uint8), things, LABELS)
    assert (drawn[35, 5] != 100).all()
    assert (drawn[20, 35] == 100).all()
    assert (drawn[:, 50:] == 100).all()


def test_bones_are_drawn_between_joints_that_are_seen():
    joints = np.zeros((1, 17, 3), np.float32)
    joints[0, 5], joints[0, 7], joints[0, 9] = (10, 50, 0.9), (50, 50, 0.9), (90, 50, 0.1)
    body = Poses(np.array([[5, 30, 95, 58]], np.float32), np.array([0.9]), np.array([0]), joints)
    drawn = annotate(np.zeros((60, 100, 3), np.uint8), body, LABELS)
    assert drawn[50, 30].any()
    assert not drawn[50, 70].any()


def test_tracks_are_told_by_number_and_counters_are_drawn():
    line, zone = Line("door", (50, 0), (50, 60)), Zone("bay", ((60, 5), (95, 5), (95, 55)))
    counts = ((line, {"in": 2, "out": 1}),), ((zone, {"inside": {"1": 0.5}}),)
    value = Tracked(found([0, 40, 9, 59], [1, 1, 5, 5]), np.array([7, 0]), *counts)
    assert captions(value, LABELS) == ["bolt 0.50 #7", "bolt 0.50"]
    drawn = annotate(np.zeros((60, 100, 3), np.uint8), value, LABELS)
    assert drawn[30, 50].any()
    assert drawn[30, 95].any()
    assert drawn[59, 5].any()


def test_an_event_is_told_before_the_classes():
    value = Heard(Classification((1, 0), (0.75, 0.25)), Classification((1,), (0.6,)))
    assert captions(value, LABELS) == ["nut 0.60!", "nut 0.75", "bolt 0.25"]
