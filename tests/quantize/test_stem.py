from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.preprocess import ImageSteps
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.stem import find_stem
from tests.quantize.models import as_it_is, clean

SIZE_WH = (8, 6)
WEIGHTS = "float[4,3,3,3] w"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def stem(text, *, layout="nchw", color="rgb", values=None, **steps):
    graph = Graph(as_it_is(text, **(values or {})))
    return find_stem(graph, ImageSteps(size_wh=SIZE_WH, layout=layout, color=color, **steps))


def test_the_declared_normalization_is_a_gain_and_a_shift():
    found = stem(f"(float[1,3,6,8] x, {WEIGHTS}) => (float[] y) {{ y = Conv(x, w) }}", **IMAGENET)
    np.testing.assert_allclose(found.gain, [1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225])
    np.testing.assert_allclose(found.shift, [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    assert (found.layer.op_type, found.before) == ("Conv", frozenset())


@pytest.mark.parametrize(
    ("operator", "gain", "shift"),
    [
        ("Sub(x, c)", [1, 1, 1], [-2, -4, -5]),
        ("Sub(c, x)", [-1, -1, -1], [2, 4, 5]),
        ("Add(c, x)", [1, 1, 1], [2, 4, 5]),
        ("Mul(x, c)", [2, 4, 5], [0, 0, 0]),
        ("Div(x, c)", [0.5, 0.25, 0.2], [0, 0, 0]),
    ],
)
def test_arithmetic_with_constants_goes_along(operator, gain, shift):
    text = f"(float[1,3,6,8] x, {WEIGHTS}, float[3,1,1] c) => (float[] y) {{ a = {operator} y = Conv(a, w) }}"
    found = stem(text, values={"c": [[[2]], [[4]], [[5]]]}, divisor=1.0)
    np.testing.assert_allclose((found.gain, found.shift), (gain, shift))
    assert found.before == {operator[:3] + "_0"}


def test_operators_go_along_in_their_order():
    text = f"""(float[1,6,8,3] x, {WEIGHTS}, float d, float[3] m) => (float[] y)
        {{ a = Div(x, d) b = Sub(a, m) t = Transpose<perm=[0,3,1,2]>(b) y = Conv(t, w) }}"""
    found = stem(text, layout="nhwc", values={"d": 4, "m": [1, 2, 3]}, divisor=1.0)
    np.testing.assert_allclose((found.gain, found.shift), ([0.25] * 3, [-1, -2, -3]))


def test_a_batch_norm_goes_along():
    text = f"""(float[1,3,6,8] x, {WEIGHTS}, float[3] s, float[3] b, float[3] m, float[3] v) => (float[] y)
        {{ a = BatchNormalization<epsilon=0.0>(x, s, b, m, v) y = Conv(a, w) }}"""
    values = {"s": [2, 2, 2], "b": [1, 0, 0], "m": [3, 0, 4], "v": [4, 1, 4]}
    found = find_stem(clean(text, **values), ImageSteps(size_wh=SIZE_WH, divisor=1.0))
    np.testing.assert_allclose((found.gain, found.shift), ([1, 2, 1], [-2, 0, -4]))


def test_a_model_that_normalizes_bytes_itself_has_a_stem_too():
    text = f"""(uint8[1,6,8,3] x, {WEIGHTS}, float k) => (float[] y)
        {{ f = Cast<to=1>(x) t = Transpose<perm=[0,3,1,2]>(f) m = Mul(t, k) y = Conv(m, w) }}"""
    found = stem(text, layout="nhwc", values={"k": 0.5}, divisor=1.0, dtype="uint8")
    np.testing.assert_allclose((found.gain, found.shift), ([0.5] * 3, [0] * 3))


def test_a_reshape_of_one_channel_is_a_transpose():
    text = """(float[1,6,8,1] x, float[4,1,3,3] w, int64[4] s) => (float[] y)
        { t = Reshape(x, s) y = Conv(t, w) }"""
    found = stem(text, layout="nhwc", color="gray", values={"s": [1, 1, 6, 8]})
    assert found.before == {"Reshape_0"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("(float[1,3,6,8] x, float[1,3,6,8] x2, float[4,3,3,3] w) => (float[] y) { a = Add(x, x2) y = Conv(a, w) }",
         "the model has 2 inputs"),
        ("(float[2,3,6,8] x, float[4,3,3,3] w) => (float[] y) { y = Conv(x, w) }",
         "the input is not one picture [1, 3, 6, 8]"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w) => (float[] y, float[] z) { y = Conv(x, w) z = Relu(x) }",
         "2 operators read x"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w) => (float[] y) { a = Relu(x) y = Conv(a, w) }",
         "Relu Relu_0 stands before the first convolution"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w, float[6,8] c) => (float[] y) { a = Mul(x, c) y = Conv(a, w) }",
         "Mul Mul_0 stands before the first convolution"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w) => (float[] y) { a = Mul(x, x) y = Conv(a, w) }",
         "Mul Mul_0 stands before the first convolution"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w, float[1] c) => (float[] y) { a = Div(c, x) y = Conv(a, w) }",
         "Div Div_0 stands before the first convolution"),
        ("(float[1,3,6,8] x, float[3,1,3,3] w) => (float[] y) { y = Conv<group=3>(x, w) }",
         "Conv_0 is no plain convolution of a picture"),
        ("(float[1,3,6,8] x, float[8,4] w) => (float[] y) { y = MatMul(x, w) }",
         "MatMul MatMul_0 stands before the first convolution"),
        ("(float[1,3,6,8] x, float[4,3,3,3] w, float[1] c) => (float[] y, float[] a) { a = Mul(x, c) y = Conv(a, w) }",
         "a is a result of the model too"),
    ],
)  # fmt: skip
def test_what_pixels_cannot_be_fed_to_is_told(body, reason):
    assert stem(body) == reason
