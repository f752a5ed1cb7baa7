from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size_wh": (0, 4)}, "size_wh: expected 1 to 16384 pixels, got [0, 4]"),
        ({"divisor": 0.0}, "divisor, std: expected values other than 0, got 0"),
        ({"std": (1.0, 0.0, 1.0)}, "divisor, std: expected values other than 0, got 0"),
        ({"mean": (0.5, 0.5)}, "mean: expected 1 or 3 values, got 2"),
        ({"std": (1.0, 1.0, 1.0), "color": "gray"}, "std: expected 1 or 1 values, got 3"),
        ({"resize": "crop", "shorter_side": 3}, "shorter_side: expected 4 to 16384 pixels, got 3"),
        ({"pad_value": 256}, "pad_value: expected 0 to 255, got 256"),
    ],
)
def test_impossible_picture_steps_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        ImageSteps(**{"size_wh": (4, 4), **wrong})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"columns": ()}, "columns: expected at least one column, got none"),
        ({"samples": 0}, "samples, hop: expected at least 1, got 0 and 2"),
        ({"hop": 0}, "samples, hop: expected at least 1, got 4 and 0"),
        ({"mean": (0.0, 0.0, 0.0)}, "mean: expected 1 or 2 values, got 3"),
        ({"std": (0.0,)}, "std: expected values other than 0, got 0"),
    ],
)
def test_impossible_window_steps_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        WindowSteps(**{"columns": ("x", "y"), "samples": 4, "hop": 2, **wrong})
    assert str(caught.value) == message


def test_pictures_and_windows_exclude_each_other():
    with pytest.raises(InputError, match="image, window: expected one of them, got both"):
        Preprocess(image=ImageSteps(size_wh=(4, 4)), window=WindowSteps(columns=("x",), samples=4, hop=4))
