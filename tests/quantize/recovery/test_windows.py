from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.recovery import choose_ranges
from edge_sdk.quantize.recovery.windows import window_of
from tests.quantize.models import as_it_is, clean, samples

TWO = "(float[1,4,12,12] x, float[8,4,1,1] w) => (float[1,8,12,12] y) { h = Conv(x, w)  y = Relu(h) }"


def with_outlier(graph, count=6):
    """Return inputs whose last channel has one value a hundred times as large as all others."""
    inputs = samples(graph, count)
    for one in inputs:
        one["x"][0, 3, 5, 5] = 100.0
    return inputs


def chosen_high(weights, *, symmetric=False):
    """Return the upper end of the range of x that is chosen for these weights."""
    graph = Graph(as_it_is(TWO, w=weights))
    inputs = with_outlier(graph)
    statistics = collect(graph, ["x"], lambda: inputs)
    return choose_ranges(graph, statistics, inputs, symmetric=symmetric)["x"][1][1]


@pytest.mark.parametrize("symmetric", [False, True])
def test_an_outlier_that_nobody_reads_is_clipped_and_one_that_matters_is_not(symmetric):
    weights = np.random.default_rng(0).standard_normal((8, 4, 1, 1)) / 2
    assert chosen_high(weights, symmetric=symmetric) == 100.0
    weights[:, 3] = 0.0
    assert chosen_high(weights, symmetric=symmetric) < 10


def test_a_rare_value_that_matters_is_not_clipped_though_the_first_samples_have_none():
    graph = Graph(as_it_is(TWO, w=np.random.default_rng(0).standard_normal((8, 4, 1, 1)) / 2))
    inputs = samples(graph, 12)
    inputs[3]["x"][0, 3, 5:9, 5:9] = 100.0
    statistics = collect(graph, ["x"], lambda: inputs)
    assert choose_ranges(graph, statistics, inputs, symmetric=False)["x"][1][1] == 100.0


def test_each_tensor_has_its_own_way():
    graph = clean(
        "(float[1,3,16,16] x, float[8,3,3,3] w, float[8,8,3,3] w2, float[4,8,1,1] w3) => (float[1,4,12,12] y) {"
        " a = Conv(x, w)  b = Relu(a)  c = Conv(b, w2)  d = Relu(c)  y = Conv(d, w3) }"
    )
    inputs = with_outlier_anywhere(graph)
    tensors = families.tensors_to_calibrate(["x86-int8"], graph)
    chosen = choose_ranges(graph, collect(graph, tensors, lambda: inputs), inputs, symmetric=False)
    assert chosen.keys() == set(tensors)
    assert all(low <= 0 <= high for _, (low, high) in chosen.values())
    assert len({way for way, _ in chosen.values()}) > 1


def with_outlier_anywhere(graph):
    inputs = samples(graph, 6)
    for i, one in enumerate(inputs):
        one["x"][0, i % 3, i, i] *= 30
    return inputs


def test_a_window_reaches_through_one_layer_to_where_the_next_begins():
    graph = Graph(
        as_it_is(
            "(float[1,4,6,6] x, float[4,4,1,1] w, float[4,4,1,1] w2, float[4,4,1,1] w3) => (float[1,4,6,6] y) {"
            " a = Conv(x, w)  b = Sigmoid(a)  c = Mul(a, b)  d = Conv(c, w2)  e = Add(d, x)  y = Conv(e, w3) }"
        )
    )
    nodes, results = window_of(graph, "x")
    assert [node.op_type for node in nodes] == ["Conv", "Sigmoid", "Mul", "Add", "Conv"]
    assert set(results) == {"c", "y"}
    nodes, results = window_of(graph, "b")
    assert ([node.op_type for node in nodes], results) == (["Mul", "Conv", "Add"], ("e",))


def test_a_tensor_that_nobody_reads_takes_the_least_error():
    graph = Graph(as_it_is(TWO))
    inputs = samples(graph, 2)
    assert choose_ranges(graph, collect(graph, ["y"], lambda: inputs), inputs, symmetric=False)["y"][0] == "mse"
