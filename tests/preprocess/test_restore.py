from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.preprocess import ImageSteps, prepare_image, restore_image

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 8, 3), dtype=np.uint8)
FLOATS = {"divisor": 255.0, "mean": (0.4,), "std": (0.25,)}
EACH = {"divisor": 127.5, "mean": (0.9, 1.0, 1.1), "std": (0.5, -1.0, 2.0)}
BYTES = {"divisor": 1.0, "dtype": "uint8"}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("color", "values"), [("rgb", FLOATS), ("bgr", EACH), ("rgb", EACH), ("bgra", BYTES), ("bgr", BYTES)]
)
def test_a_picture_comes_back_as_it_was(layout, color, values):
    steps = ImageSteps(size_wh=(8, 5), color=color, layout=layout, **values)
    restored = restore_image(steps, prepare_image(steps, PICTURE)[0])
    assert (restored.dtype, restored.flags.c_contiguous) == (np.uint8, True)
    assert (restored == PICTURE).all()


@pytest.mark.parametrize(("color", "values"), [("gray", FLOATS), ("ya8", BYTES)])
def test_grey_comes_back_as_grey(color, values):
    steps = ImageSteps(size_wh=(8, 5), color=color, **values)
    grey = ImageSteps(size_wh=(8, 5), color="gray", layout="nhwc", **BYTES)
    restored = restore_image(steps, prepare_image(steps, PICTURE)[0])
    assert (restored == prepare_image(grey, PICTURE)[0][0]).all()


def test_what_is_no_pixel_becomes_the_nearest():
    steps = ImageSteps(size_wh=(2, 1), color="gray", layout="nhwc", divisor=1.0)
    assert restore_image(steps, np.array([[[[-9.0], [300.0]]]])).tolist() == [[[0, 0, 0], [255, 255, 255]]]
