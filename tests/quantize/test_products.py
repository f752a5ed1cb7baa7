from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.products import has_stored_weights, is_dynamic_lstm, product_of
from tests.quantize.models import as_it_is
from tests.quantize.sequences import cleaned, recurrent

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def only(text, **values):
    """Return the graph of one node, and the node."""
    graph = Graph(as_it_is(text, **values))
    return graph, graph.nodes[0]


@pytest.mark.parametrize(
    ("operator", "weight"),
    [("MatMul(x, w)", MATRIX), ("Gemm(x, w)", MATRIX), ("Gemm<transB=1>(x, w)", MATRIX.T)],
)
def test_a_matrix_is_told_however_it_is_spelled(operator, weight):
    rows, columns = weight.shape
    graph, node = only(f"(float[2,4] x, float[{rows},{columns}] w) => (float[] y) {{ y = {operator} }}", w=weight)
    product = product_of(graph, node)
    np.testing.assert_array_equal(product.weight, MATRIX)
    assert (product.rows, product.bias) == ("x", "")


@pytest.mark.parametrize(
    "operator",
    ["Gemm<transA=1>(x, w)", "Gemm<alpha=0.5>(x, w)", "Gemm<beta=0.5>(x, w, b)", "MatMul(w, x)", "MatMul(x, x)"],
)
def test_what_is_not_rows_times_a_constant_matrix_is_no_product(operator):
    graph, node = only(f"(float[4,4] x, float[4,4] w, float[4] b) => (float[] y) {{ y = {operator} }}")
    assert product_of(graph, node) is None


def test_a_stack_of_matrices_is_no_product():
    graph, node = only("(float[2,4,4] x, float[2,4,4] w) => (float[] y) { y = MatMul(x, w) }")
    assert product_of(graph, node) is None


@pytest.mark.parametrize(("operator", "expected"), [("LSTM", True), ("GRU", False), ("RNN", False)])
def test_only_an_lstm_has_an_integer_kernel_but_all_can_be_stored(operator, expected):
    graph = cleaned(recurrent(operator))
    assert is_dynamic_lstm(graph, graph.nodes[0]) is expected
    assert has_stored_weights(graph, graph.nodes[0])


def test_an_lstm_with_samples_first_has_none():
    ends = "(float[1,5,3] x, float[1,16,3] w, float[1,16,4] r) => (float[] y)"
    assert not is_dynamic_lstm(*only(f"{ends} {{ y = LSTM<hidden_size=4, layout=1>(x, w, r) }}"))


@pytest.mark.parametrize(("rows", "expected"), [(100, False), (1024, True)])
def test_a_small_table_is_not_worth_its_scales(rows, expected):
    graph, node = only(f"(int64[3] x, float[{rows},8] w) => (float[] y) {{ y = Gather(w, x) }}")
    assert has_stored_weights(graph, node) is expected


def test_a_table_of_columns_or_of_whole_numbers_stays():
    assert not has_stored_weights(*only("(int64[3] x, float[512,8] w) => (float[] y) { y = Gather<axis=1>(w, x) }"))
    whole = np.zeros((1024, 8), np.int64)
    assert not has_stored_weights(*only("(int64[3] x, int64[1024,8] w) => (int64[] y) { y = Gather(w, x) }", w=whole))
