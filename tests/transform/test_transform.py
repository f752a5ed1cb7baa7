from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.transform import Transform


def test_boxes_go_to_the_model_and_back():
    transform = Transform(source_wh=(640, 480), model_wh=(320, 200), scale_xy=(0.5, 0.25), offset_xy=(0, 40))
    source = np.array([[100, 80, 200, 160], [0, 0, 640, 480]], np.float32)
    model = np.array([[50, 60, 100, 80], [0, 40, 320, 160]], np.float32)
    assert np.array_equal(transform.to_model(source), model)
    assert np.array_equal(transform.to_source(model), source)


def test_boxes_are_limited_to_the_picture():
    transform = Transform(source_wh=(640, 480), model_wh=(640, 480), scale_xy=(1.0, 1.0), offset_xy=(0, 0))
    assert transform.clip(np.array([[-5, -1, 700, 479.5]])).tolist() == [[0, 0, 640, 479.5]]


@pytest.mark.parametrize("move", ["to_model", "to_source", "clip"])
def test_no_boxes_stay_no_boxes(move):
    transform = Transform(source_wh=(640, 480), model_wh=(320, 240), scale_xy=(0.5, 0.5), offset_xy=(0, 0))
    moved = getattr(transform, move)(np.zeros((0, 4), np.float32))
    assert (moved.shape, moved.dtype) == ((0, 4), np.float32)
