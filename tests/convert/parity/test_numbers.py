from __future__ import annotations

import math

import numpy as np
import pytest

from edge_sdk.convert.parity.numbers import Tolerance, compare_arrays, compare_outputs, require_parity
from edge_sdk.errors import GateError


def difference(expected, got):
    return compare_arrays("y", [np.asarray(expected)], [np.asarray(got)])


def test_the_same_is_the_same_in_every_number():
    told = difference(np.float32([1, -2, 0]), np.float32([1, -2, 0]))
    assert (told.max_abs, told.relative, told.close_share, told.equal_share) == (0, 0, 1, 1)
    assert (told.snr_db, told.cosine, told.not_finite, told.told, told.comparable) == (200, 1, 0, "", True)


def test_the_error_is_relative_to_the_tensor_not_to_elements_near_zero():
    told = difference(np.float64([100, 1e-9]), np.float64([100, 0.01]))
    assert told.max_abs == pytest.approx(0.01)
    assert told.relative == pytest.approx(1e-4)
    assert (told.close_share, told.equal_share) == (0.5, 0.5)


def test_where_all_that_is_expected_is_zero_the_error_is_taken_as_it_is():
    assert difference(np.float32([0, 0]), np.float32([0, 0.25])).relative == 0.25


def test_the_ratio_and_the_cosine_are_those_of_the_textbook():
    told = difference(np.float64([3, 4]), np.float64([3, 4.5]))
    assert told.snr_db == pytest.approx(20.0)
    assert told.cosine == pytest.approx((9 + 18) / (5 * math.hypot(3, 4.5)))


def test_samples_are_compared_together():
    told = compare_arrays("y", [np.float32([1]), np.float32([10])], [np.float32([2]), np.float32([10])])
    assert (told.elements, told.max_abs, told.relative, told.equal_share) == (2, 1, pytest.approx(0.1), 0.5)


def test_nan_and_infinity_are_equal_to_themselves_only():
    expected = np.float32([np.nan, np.inf, np.inf, 1, 1])
    told = difference(expected, np.float32([np.nan, np.inf, -np.inf, np.nan, 1]))
    assert (told.not_finite, told.equal_share, told.max_abs) == (2, 0.6, 0)
    assert Tolerance().failure(told) == "2 values are NaN or infinite in one and not in the other"
    assert Tolerance().failure(difference(expected, expected)) == ""


def test_another_shape_is_told_and_fails_but_axes_of_size_one_are_only_told():
    wrong = difference(np.zeros((1, 3), np.float32), np.zeros((1, 4), np.float32))
    assert (wrong.comparable, wrong.told) == (False, "expected the shape [1, 3], got [1, 4]")
    assert Tolerance().failure(wrong) == wrong.told
    flat = difference(np.ones((1, 3), np.float32), np.ones(3, np.float32))
    assert (flat.comparable, flat.told) == (True, "expected the shape [1, 3], got [3]")
    assert Tolerance().failure(flat) == ""


def test_another_element_type_is_told_and_compared():
    told = difference(np.int64([1, 2]), np.int32([1, 3]))
    assert (told.kind, told.told, told.equal_share) == ("integer", "expected int64, got int32", 0.5)
    assert "expected 100.0000% of the values the same, got 50" in Tolerance().failure(told)
    assert Tolerance(equal_share=0.5).failure(told) == ""


@pytest.mark.parametrize("kind", [object, str])
def test_texts_are_the_same_or_not(kind):
    told = difference(np.array(["a", "b"], object), np.array(["a", "c"], kind))
    assert (told.kind, told.equal_share, told.told) == ("text", 0.5, "")


def test_booleans_complex_numbers_and_nothing_at_all_are_compared():
    assert difference([True, False], [True, True]).equal_share == 0.5
    assert difference(np.complex64([1 + 2j]), np.complex64([1 + 3j])).max_abs == 1
    empty = difference(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    assert (empty.elements, empty.close_share, empty.equal_share, Tolerance().failure(empty)) == (0, 1, 1, "")


def test_an_output_that_is_not_there_is_told():
    (missing, there) = compare_outputs([{"a": np.ones(2), "b": np.ones(2)}], [{"b": np.ones(2), "c": np.ones(2)}])
    assert (missing.comparable, missing.told) == (False, "expected the output a, got none")
    assert there.equal_share == 1


def test_beyond_the_tolerance_the_output_is_named():
    good, bad = difference(np.float32([1]), np.float32([1])), difference(np.float32([1]), np.float32([1.1]))
    require_parity([good], Tolerance(), where="m.onnx")
    with pytest.raises(GateError, match=r"m.onnx: y: expected a relative error of at most 0.001, got 0.1"):
        require_parity([good, bad], Tolerance(), where="m.onnx")
    with pytest.raises(GateError, match=r"signal-to-noise ratio of at least 80 dB, got 20\.0"):
        require_parity([bad], Tolerance(relative=1, min_snr_db=80), where="m.onnx")


def test_steps_of_rounded_numbers_are_held_to_the_ratio():
    near = difference(np.int8([100, -90, 50]), np.int8([100, -91, 50]))
    assert "of the values the same" in Tolerance(relative=None, min_snr_db=20).failure(near)
    assert Tolerance(relative=None, min_snr_db=20, steps=True).failure(near) == ""
    assert "at least 60 dB" in Tolerance(relative=None, min_snr_db=60, steps=True).failure(near)
