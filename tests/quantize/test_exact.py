"""The exact integer results of a layer are those of ONNX's own definition."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from edge_sdk.quantize.exact import exact_results, integer_layers
from edge_sdk.quantize.graph import Graph, attributes
from tests.quantize.models import clean, quantized

CONVOLUTION = "(float[1,{inner},{size}] x, float[8,{own},{kernel}] w, float[8] b) => (float[1,8,{out}] y)"
CASES = {
    "plain": (CONVOLUTION.format(inner=4, own=4, size="9,7", kernel="3,3", out="7,5"), "Conv(x, w, b)"),
    "strided": (
        CONVOLUTION.format(inner=4, own=4, size="9,8", kernel="3,2", out="4,3"),
        "Conv<strides=[2,3]>(x, w, b)",
    ),
    "dilated": (
        CONVOLUTION.format(inner=4, own=4, size="9,9", kernel="3,3", out="5,7"),
        "Conv<dilations=[2,1]>(x, w, b)",
    ),
    "grouped": (CONVOLUTION.format(inner=4, own=2, size="5,6", kernel="3,3", out="3,4"), "Conv<group=2>(x, w, b)"),
    "depthwise": (CONVOLUTION.format(inner=8, own=1, size="5,6", kernel="3,3", out="3,4"), "Conv<group=8>(x, w, b)"),
    "of samples": (CONVOLUTION.format(inner=4, own=4, size="20", kernel="5", out="16"), "Conv(x, w, b)"),
    "matrix": ("(float[3,16] x, float[16,8] w, float[8] b) => (float[3,8] y)", "Gemm(x, w, b)"),
    "turned matrix": ("(float[3,16] x, float[8,16] w, float[8] b) => (float[3,8] y)", "Gemm<transB=1>(x, w, b)"),
    "product": ("(float[3,16] x, float[16,8] w) => (float[3,8] y)", "MatMul(x, w)"),
}


def by_definition(layer, stored):
    """Compute a layer with ONNX's reference of ConvInteger and MatMulInteger, whose results are integers."""
    kept = {name: value for name, value in attributes(layer.node).items() if name != "transB"}
    weights = layer.weights.T if attributes(layer.node).get("transB") else layer.weights
    operator = "ConvInteger" if layer.node.op_type == "Conv" else "MatMulInteger"
    node = helper.make_node(operator, ["x", "w", "z"], ["y"], **(kept if operator == "ConvInteger" else {}))
    values = [onnx.ValueInfoProto(name=name) for name in ("x", "w", "z", "y")]
    graph = helper.make_graph([node], "g", values[:3], values[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    (sums,) = ReferenceEvaluator(model).run(None, {"x": stored, "w": weights, "z": layer.zero})
    assert sums.dtype == np.int32
    scales = (
        layer.weight_scales.reshape(-1, *[1] * (sums.ndim - 2)) if layer.node.op_type == "Conv" else layer.weight_scales
    )
    return sums * (scales.astype(np.float64) * layer.scale)


@pytest.mark.parametrize("case", CASES)
def test_a_layer_is_computed_as_onnx_defines_it(case):
    head, operator = CASES[case]
    graph = Graph(onnx.load_model_from_string(quantized(clean(f"{head} {{ y = {operator} }}"), "x86-int8")))
    (layer,) = integer_layers(graph)
    shape = graph.shapes["x"]
    stored = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(exact_results(layer, stored), by_definition(layer, stored))


def test_float_layers_are_no_integer_layers():
    head, operator = CASES["plain"]
    assert integer_layers(clean(f"{head} {{ y = {operator} }}")) == ()


@pytest.mark.parametrize(
    ("case", "kind"), [("depthwise", "Conv 3x3 depthwise"), ("of samples", "Conv 5"), ("matrix", "Gemm")]
)
def test_a_layer_says_its_kind(case, kind):
    head, operator = CASES[case]
    model = quantized(clean(f"{head} {{ y = {operator} }}"))
    assert [layer.kind for layer in integer_layers(Graph(onnx.load_model_from_string(model)))] == [kind]
