from __future__ import annotations

import numpy as np

from edge_sdk.tasks.boxes import iou_matrix, suppress

BOXES = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 10, 5], [3, 3, 3, 3], [90, 90, 99, 99]], np.float32)


def test_the_overlap_is_intersection_over_union():
    wanted = [[1, 1 / 3, 0.5, 0, 0], [1 / 3, 1, 0.2, 0, 0]]
    np.testing.assert_allclose(iou_matrix(BOXES[:2], BOXES), wanted)


def test_empty_sides_give_empty_matrices():
    none = np.zeros((0, 4), np.float32)
    assert iou_matrix(none, BOXES).shape == (0, 5)
    assert iou_matrix(BOXES, none).shape == (5, 0)
    assert suppress(none, none[:, 0], none[:, 0], iou_threshold=0.5, most=9).tolist() == []


def test_doubles_of_one_class_go_and_the_best_comes_first():
    scores, classes = np.array([0.5, 0.9, 0.7, 0.1, 0.8]), np.zeros(5, np.int64)
    assert suppress(BOXES, scores, classes, iou_threshold=0.4, most=9).tolist() == [1, 4, 2, 3]
    assert suppress(BOXES, scores, classes, iou_threshold=0.5, most=9).tolist() == [1, 4, 2, 0, 3]
    assert suppress(BOXES, scores, classes, iou_threshold=0.5, most=2).tolist() == [1, 4]


def test_boxes_of_other_classes_stay():
    scores, classes = np.array([0.5, 0.9, 0.7, 0.1, 0.8]), np.array([1, 1, 0, 0, 0])
    assert suppress(BOXES, scores, classes, iou_threshold=0.1, most=9).tolist() == [1, 4, 2, 3]


def test_a_suppressed_box_suppresses_no_other():
    row = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    kept = suppress(row, np.array([0.9, 0.8, 0.7]), np.zeros(3), iou_threshold=0.4, most=9)
    assert kept.tolist() == [0, 2]
