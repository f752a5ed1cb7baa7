from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import helper

from edge_sdk.quantize.weights import bias_by_channel, channel_axis, least_scales, quantize_weights, weight_shift

FLOATS = st.floats(-(2.0**60), 2.0**60, width=32)


def layer(op, **attributes):
    return helper.make_node(op, ["x", "w"], ["y"], **attributes)


@given(arrays(np.float32, (3, 2, 2), elements=FLOATS))
def test_each_weight_is_within_half_a_step_of_its_channel(weight):
    weights = quantize_weights(weight, 0)
    assert weights.scales.shape == (3,)
    assert np.abs(weights.stored.astype(int)).max() <= 127
    half = 0.5001 * weights.scales.astype(np.float64)[:, None, None]
    assert (np.abs(weights.real - weight) <= half + 1e-12).all()


@pytest.mark.parametrize(
    ("node", "shape", "axis"),
    [
        (layer("Conv"), (4, 3, 5, 5), 0),
        (layer("Conv"), (4, 3, 5), 0),
        (layer("Gemm"), (3, 4), 1),
        (layer("Gemm", transB=1), (4, 3), 0),
        (layer("MatMul"), (3, 4), 1),
    ],
)
def test_each_output_channel_has_its_own_scale(node, shape, axis):
    weight = np.ones(shape, np.float32) * np.moveaxis(np.arange(1, 5).reshape(4, *[1] * (len(shape) - 1)), 0, axis)
    assert channel_axis(node, weight) == axis
    weights = quantize_weights(weight, axis)
    np.testing.assert_allclose(weights.scales, np.arange(1, 5) / 127, rtol=1e-6)
    np.testing.assert_array_equal(weights.stored, np.full(shape, 127))
    np.testing.assert_allclose(weights.real, weight, rtol=1e-6)


def test_a_stack_of_matrices_has_one_scale():
    weights = quantize_weights(np.array([[[1.0, -2.0]], [[4.0, 0.0]]], np.float32), 2)
    assert weights.scales.shape == ()
    assert weights.stored.tolist() == [[[32, -64]], [[127, 0]]]


def test_a_channel_of_zeros_has_a_scale():
    weights = quantize_weights(np.array([[0.0, 0.0], [1.0, 2.0]], np.float32), 0)
    assert (weights.scales > 0).all()
    assert weights.stored.tolist() == [[0, 0], [64, 127]]


def test_a_scale_is_large_enough_for_the_bias():
    bias, input_scale = np.array([1.0, 1e6]), 1e-6
    weights = quantize_weights(np.full((2, 3), 1e-3, np.float32), 0, least_scales(bias, input_scale))
    steps = bias / (weights.scales.astype(np.float64) * input_scale)
    assert np.abs(steps).max() < 2**31
    assert weights.scales[1] > weights.scales[0]


@pytest.mark.parametrize(
    ("bias", "channels", "expected"),
    [
        ([1.0, 2.0], 2, [1, 2]),
        ([[1.0, 2.0]], 2, [1, 2]),
        (3.0, 2, [3, 3]),
        ([3.0], 2, [3, 3]),
        ([[1.0], [2.0]], 2, None),
        ([[1.0, 2.0], [3.0, 4.0]], 2, None),
    ],
)
def test_a_bias_is_one_value_a_channel_or_none(bias, channels, expected):
    got = bias_by_channel(np.array(bias, np.float32), channels)
    assert (None if got is None else got.tolist()) == expected


def test_a_computed_bias_is_none():
    assert bias_by_channel(None, 3) is None


def test_the_shift_of_a_hand_made_convolution_is_exact():
    error = np.array([[[[0.1, 0.2]], [[-0.5, 0.0]]]])  # [1 output, 2 inputs, 1, 2]
    assert weight_shift(layer("Conv"), error, np.array([10.0, 1.0])) == pytest.approx([3.0 - 0.5])


def test_the_shift_of_groups_takes_the_means_of_each_group():
    error = np.ones((4, 1, 1, 1))  # 2 groups of 1 input and 2 outputs
    assert weight_shift(layer("Conv", group=2), error, np.array([3.0, 5.0])).tolist() == [3, 3, 5, 5]


@pytest.mark.parametrize("transposed", [0, 1])
def test_the_shift_of_a_product_is_the_product_of_the_means(transposed):
    error = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # [2 inputs, 3 outputs]
    node = layer("Gemm", transB=transposed)
    shift = weight_shift(node, error.T if transposed else error, np.array([10.0, 1.0]))
    assert shift.tolist() == [14, 25, 36]
