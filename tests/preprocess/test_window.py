from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps, cut_windows, prepare_window

ROWS = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]], np.float64)


def steps(**changes: object) -> WindowSteps:
    return WindowSteps(**{"columns": ("x", "y"), "samples": 2, "hop": 2, **changes})


@pytest.mark.parametrize(("samples", "hop", "starts"), [(2, 2, [1, 3]), (2, 1, [1, 2, 3, 4]), (5, 9, [1]), (6, 1, [])])
def test_windows_start_every_hop_and_a_rest_is_left(samples, hop, starts):
    windows = list(cut_windows(steps(samples=samples, hop=hop), ROWS))
    assert [int(window[0, 0]) for window in windows] == starts
    assert all(len(window) == samples for window in windows)


def test_channels_stand_first_or_last():
    first = prepare_window(steps(), ROWS[:2])
    last = prepare_window(steps(layout="channels-last"), ROWS[:2])
    assert first.tolist() == [[[1, 2], [10, 20]]]
    assert last.tolist() == [[[1, 10], [2, 20]]]
    assert first.dtype == last.dtype == np.float32
    assert first.flags.c_contiguous


def test_fixed_normalization_takes_the_values_of_the_record():
    tensor = prepare_window(steps(normalize="fixed", mean=(1.0, 10.0), std=(2.0, 5.0)), ROWS[:2])
    assert tensor.tolist() == [[[0, 0.5], [0, 2]]]


def test_window_normalization_takes_the_windows_own_values():
    tensor = prepare_window(steps(samples=5, normalize="window"), ROWS)
    np.testing.assert_allclose(tensor[0].mean(axis=1), [0, 0], atol=1e-6)
    np.testing.assert_allclose(tensor[0].std(axis=1), [1, 1], atol=1e-5)


def test_a_sensor_that_stands_still_gives_zeros():
    tensor = prepare_window(steps(normalize="window"), np.full((2, 2), 7.0))
    assert tensor.tolist() == [[[0, 0], [0, 0]]]


def test_another_window_than_declared_is_refused():
    with pytest.raises(InputError, match=r"^window: expected \[2, 2\] values, got \[3, 2\]$"):
        prepare_window(steps(), ROWS[:3])
