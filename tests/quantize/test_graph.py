from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edge_sdk.errors import InputError
from edge_sdk.quantize.graph import Graph, attributes, inner_nodes, tensor_specs, weighted_layers
from edge_sdk.tensors import TensorSpec
from tests.quantize.models import BLOCK, build, clean

BRANCH = (
    "(float[1,4] x, bool x2, float[1,4] k) => (float[] y) { r = Relu(x) y = If(x2)"
    "<then_branch=t () => (float[1,4] p) { p = If(x2)"
    "<then_branch=u () => (float[1,4] d) { d = Add(r, k) }, else_branch=v () => (float[1,4] f) { f = Neg(x) }> },"
    " else_branch=e () => (float[1,4] q) { q = Neg(x) }> }"
)


def test_makers_and_readers_of_a_tensor_are_known():
    graph = clean(f"(float[1,8,9,9] x, {BLOCK}) => (float[] y) {{ a = Conv(x, w, b) r = Relu(a) y = Add(r, a) }}")
    assert graph.producer["a"].op_type == "Conv"
    assert [node.op_type for node in graph.consumers["a"]] == ["Relu", "Add"]
    assert (graph.inputs, graph.outputs, graph.opset) == (("x",), ("y",), 17)


def test_a_tensor_read_twice_by_one_node_has_one_reader():
    graph = clean("(float[1,4] x) => (float[] y) { y = Mul(x, x) }")
    assert len(graph.consumers["x"]) == 1


def test_what_a_branch_reads_is_read_by_its_operator_however_deep():
    graph = Graph(build(BRANCH))
    assert [node.op_type for node in graph.consumers["r"]] == ["If"]
    assert [node.op_type for node in graph.consumers["x"]] == ["Relu", "If"]
    assert [node.op_type for node in inner_nodes(graph.nodes[1])] == ["If", "Add", "Neg", "Neg"]


def test_a_name_that_is_read_by_nobody_has_no_readers():
    assert clean("(float[1,4] x) => (float[] y) { y = Relu(x) }").consumers["y"] == []


def test_initializers_are_constants_and_no_inputs():
    model = build("(float[1,4] x, float[4] k) => (float[] y) { y = Add(x, k) }", k=[1, 2, 3, 4])
    model.graph.input.append(helper.make_tensor_value_info("k", 1, [4]))
    graph = Graph(model)
    assert graph.inputs == ("x",)
    np.testing.assert_array_equal(graph.constants["k"], [1, 2, 3, 4])
    assert graph.shapes["k"] == (4,)


def test_only_sizes_that_are_known_make_a_shape():
    graph = Graph(build("(float[N,4] x, float x2) => (float[1,0] y) { y = Relu(x) }"))
    assert graph.shapes == {"x2": ()}
    assert (graph.elements("x"), graph.elements("x2")) == (0, 1)


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        ("(float[1,8,9,9] x, float[16,8,3,3] w) => (float[] y) { y = Conv(x, w) }", 16 * 7 * 7 * 8 * 9),
        ("(float[1,8,9,9] x, float[8,1,3,3] w) => (float[] y) { y = Conv<group=8>(x, w) }", 8 * 7 * 7 * 9),
        ("(float[1,4,5,5] x, float[4,6,2,2] w) => (float[] y) { y = ConvTranspose(x, w) }", 4 * 25 * 6 * 4),
        ("(float[3,8] x, float[8,5] w) => (float[] y) { y = Gemm(x, w) }", 3 * 8 * 5),
        ("(float[3,8] x, float[5,8] w) => (float[] y) { y = Gemm<transB=1>(x, w) }", 3 * 8 * 5),
        ("(float[2,3,8] x, float[8,5] w) => (float[] y) { y = MatMul(x, w) }", 2 * 3 * 8 * 5),
        ("(float[3,8] x, float[8] w) => (float[] y) { y = MatMul(x, w) }", 3 * 8),
        ("(float[2,3,8] x, float[2,8,4] x2) => (float[] y) { y = MatMul(x, x2) }", 2 * 3 * 8 * 4),
        (
            "(float[5,2,3] x, float[1,16,3] w, float[1,16,4] u) => (float[] y) { y = LSTM<hidden_size=4>(x, w, u) }",
            5 * 2 * (16 * 3 + 16 * 4),
        ),
        ("(float[3,8] x) => (float[] y) { y = Relu(x) }", 0),
    ],
)
def test_work_is_counted_in_multiply_accumulates(text, macs):
    graph = clean(text)
    assert graph.macs(graph.nodes[0]) == macs


def test_work_of_an_unknown_size_is_not_counted():
    graph = Graph(build("(float[N,8] x, float[8,5] w) => (float[M,5] y) { y = Gemm(x, w) }"))
    assert graph.macs(graph.nodes[0]) == 0


def test_layers_multiply_float_activations():
    graph = Graph(
        build(
            "(float[4,4] x, double[4,4] x2, float[4,4] w) => (float[] y, double[] z) "
            "{ a = MatMul(x, w) z = MatMul(x2, x2) c = MatMul(w, w) y = Add(a, c) }"
        )
    )
    assert [node.output[0] for node in weighted_layers(graph)] == ["a"]


def test_attributes_are_decoded():
    graph = clean("(float[1,8,9,9] x) => (float[] y) { y = MaxPool<kernel_shape=[2,3],ceil_mode=1>(x) }")
    facts = attributes(graph.nodes[0])
    assert (facts["kernel_shape"], facts["ceil_mode"]) == ([2, 3], 1)


def test_specs_name_free_sizes():
    model = build("(float[N,4] x, int64[] x2) => (bool[?,2] y) { y = Identity(x) }")
    assert tensor_specs(model.graph.input)[0] == TensorSpec("x", "float32", ("N", 4))
    assert tensor_specs(model.graph.output) == (TensorSpec("y", "bool", ("axis0", 2)),)


def test_what_is_no_tensor_is_refused():
    pair = helper.make_tensor_sequence_value_info("pair", 1, [1])
    with pytest.raises(InputError, match=r"^model: expected tensors, got pair of another type$"):
        tensor_specs([pair])


def test_a_graph_is_asked_once_and_another_one_anew():
    asked = []

    def count(graph: Graph) -> int:
        asked.append(graph)
        return len(graph.nodes)

    first, other = (clean("(float[1,4] x) => (float[] y) { y = Relu(x) }") for _ in range(2))
    assert [graph.known(count) for graph in (first, first, other)] == [1, 1, 1]
    assert asked == [first, other]
