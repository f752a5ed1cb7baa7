from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.quantize.golden import make_golden
from edge_sdk.session import SessionConfig, open_session
from tests.quantize.cards import build

SAMPLES = [{"x": np.array([[3.0, 4.0]], np.float32)}, {"x": np.array([[-1.0, 0.5]], np.float32)}]


def gain(factor):
    """Open a model that multiplies by `factor`."""
    weights = {"k": np.array(factor, np.float32)}
    nodes = [helper.make_node("Mul", ["x", "k"], ["y"])]
    model = build(nodes, weights, inputs=[("x", [1, 2])], outputs=[("y", [1, 2])])
    return open_session(model.SerializeToString(), SessionConfig(), where="test")


def test_inputs_and_outputs_are_stacked_over_samples():
    golden = make_golden(SAMPLES, gain(2.0), None)
    assert golden.arrays.keys() == {"input:x", "output:y"}
    np.testing.assert_array_equal(golden.arrays["input:x"], [[[3, 4]], [[-1, 0.5]]])
    np.testing.assert_array_equal(golden.arrays["output:y"], [[[6, 8]], [[-2, 1]]])


@pytest.mark.parametrize(
    ("reference", "least"),
    [
        (None, 60.0),  # the float model itself: all boards compute it alike
        (2.0, 20.0),  # the variant is the float model's equal: a board still rounds in its own way
        (2.0 / 1.25, 9.0),  # it is off by a quarter of the reference (12.0 dB), a board may be by 3 dB more
    ],
)
def test_a_board_must_be_as_near_as_the_variant_is_to_the_float_model(reference, least):
    golden = make_golden(SAMPLES, gain(2.0), None if reference is None else gain(reference))
    assert golden.min_snr_db == pytest.approx(least, abs=0.1)


def test_the_worst_of_all_samples_and_outputs_counts():
    golden = make_golden(SAMPLES, gain(2.0), None)
    assert worst_snr_db(golden, gain(2.0)) == 200
    assert worst_snr_db(golden, gain(2.02)) == pytest.approx(40, abs=0.1)
    spoiled = {**golden.arrays, "output:y": golden.arrays["output:y"] + np.array([[[0, 0]], [[0, 1]]], np.float32)}
    assert worst_snr_db(Golden(spoiled, 60.0), gain(2.0)) == pytest.approx(9.03, abs=0.1)


def test_a_scalar_input_is_given_again():
    nodes = [helper.make_node("Mul", ["x", "k"], ["y"])]
    model = build(nodes, {}, inputs=[("x", [1, 2]), ("k", [])], outputs=[("y", [1, 2])])
    session = open_session(model.SerializeToString(), SessionConfig(), where="test")
    golden = make_golden([{**sample, "k": np.array(3, np.float32)} for sample in SAMPLES], session, None)
    assert golden.arrays["input:k"].tolist() == [3, 3]
    assert worst_snr_db(golden, session) == 200
