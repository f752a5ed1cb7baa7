from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect, watch
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.recovery import equalize
from edge_sdk.quantize.recovery.links import link_channels
from edge_sdk.tensors import snr_db
from tests.quantize.models import as_it_is, run, samples

DEPTHWISE = """(float[1,3,10,14] x, float[8,3,3,3] w, float[8] b, float[8,1,3,3] w2, float[8] b2,
    float[4,8,1,1] w3,
    float zero, float six) => (float[1,4,10,14] y) {
    h = Conv<pads=[1,1,1,1]>(x, w, b)
    r = Clip(h, zero, six)
    d = Conv<pads=[1,1,1,1], group=8>(r, w2, b2)
    s = Relu(d)
    y = Conv(s, w3)
}"""
RESIDUAL = """(float[1,3,9,7] x, float[8,3,3,3] w, float[8] b, float[8,8,3,3] w2, float[8] b2,
    float[6,16,1,1] w3, float[6] b3) => (float[1,6,4,3] y) {
    h = Conv<pads=[1,1,1,1]>(x, w, b)
    r = Relu(h)
    f = Conv<pads=[1,1,1,1]>(r, w2, b2)
    a = Add(f, r)
    p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)
    q = AveragePool<kernel_shape=[2,2], strides=[2,2]>(r)
    c = Concat<axis=1>(p, q)
    y = Conv(c, w3, b3)
}"""


def uneven(text):
    """Return a graph whose first layer's channels differ in size by a factor of a hundred, and matter all alike."""
    rng, sizes = np.random.default_rng(1), np.geomspace(0.02, 2.0, 8)
    values = {"w": rng.standard_normal((8, 3, 3, 3)) * sizes[:, None, None, None] / 5, "b": sizes / 4}
    if text is DEPTHWISE:
        values |= {"w2": rng.standard_normal((8, 1, 3, 3)) / sizes[:, None, None, None], "zero": 0.0, "six": 6.0}
    else:
        values["w2"] = rng.standard_normal((8, 8, 3, 3)) * sizes[:, None, None, None] / sizes[:, None, None] / 9
        values["w3"] = rng.standard_normal((6, 16, 1, 1)) / np.tile(sizes, 2)[:, None, None]
    return as_graph(text, **values)


def as_graph(text, **values):
    """Return a model from ONNX text, indexed."""
    return Graph(as_it_is(text, **values))


def made_by(graph, tensor, inputs):
    """Return the values of a tensor for each of the inputs."""
    seen = []
    watch(graph, [tensor], inputs, lambda _, values: seen.append(values))
    return seen


def noise_db(graph, original, inputs):
    """Return the signal-to-noise ratio of the graph in integers to the float model."""
    tensors = families.tensors_to_calibrate(["arm-int8"], graph)
    statistics = collect(graph, tensors, lambda: inputs)
    model = families.emit("arm-int8", graph, statistics, "minmax")
    return min(snr_db(run(original.model, one)["y"], run(model, one)["y"]) for one in inputs)


@pytest.mark.parametrize("text", [DEPTHWISE, RESIDUAL])
def test_the_float_graph_computes_the_same(text):
    graph, inputs = uneven(text), samples(uneven(text), 4)
    scaled = equalize(graph, set(graph.shapes), inputs)
    assert (scaled.constants["w"] != graph.constants["w"]).any()
    for one in inputs:
        assert snr_db(run(graph.model, one)["y"], run(scaled.model, one)["y"]) > 90


@pytest.mark.parametrize("text", [DEPTHWISE, RESIDUAL])
def test_channels_of_different_size_lose_less_in_integers(text):
    graph, inputs = uneven(text), samples(uneven(text), 8)
    scaled = equalize(graph, families.tensors_to_calibrate(["x86-int8"], graph), inputs)
    assert noise_db(scaled, graph, inputs) > noise_db(graph, graph, inputs) + 6


def test_a_clamped_channel_is_not_raised_beyond_its_bound():
    graph = uneven(DEPTHWISE)
    inputs = samples(graph, 4)
    scaled = equalize(graph, set(graph.shapes), inputs)
    factor = np.abs(scaled.constants["w"]).max(axis=(1, 2, 3)) / np.abs(graph.constants["w"]).max(axis=(1, 2, 3))
    largest = np.max([values.max(axis=(0, 2, 3)) for values in made_by(graph, "r", inputs)], axis=0)
    assert (factor >= 1).all()
    assert (factor[factor > 1] * largest[factor > 1] * 1.4 <= 6).all()


def test_channels_of_a_sum_share_a_factor_and_those_of_a_concatenation_keep_theirs():
    links = link_channels(uneven(RESIDUAL))
    classes = links.classes
    assert classes["r"].tolist() == classes["f"].tolist() == classes["a"].tolist() == classes["p"].tolist()
    assert classes["c"].tolist() == [*classes["p"], *classes["q"]]
    assert not links.fixed[classes["r"]].any()


@pytest.mark.parametrize("operator", ["Sigmoid(h)", "Mul(h, h)", "Tanh(h)", "Softmax<axis=1>(h)"])
def test_what_is_not_proportional_fixes_its_channels(operator):
    graph = as_graph(
        "(float[1,3,6,6] x, float[8,3,1,1] w, float[4,8,1,1] w2) => (float[1,4,6,6] y) {"
        f" h = Conv(x, w)  r = {operator}  y = Conv(r, w2) }}"
    )
    links = link_channels(graph)
    assert links.fixed[links.classes["h"]].all()
    assert (
        equalize(graph, set(graph.shapes), samples(graph, 2)).constants["w"].tolist() == graph.constants["w"].tolist()
    )


def test_weights_that_two_convolutions_share_are_left_alone():
    graph = as_graph(
        "(float[1,8,6,6] x, float[8,8,1,1] w, float[8,8,1,1] w2) => (float[1,8,6,6] y) {"
        " h = Conv(x, w)  r = Relu(h)  s = Conv(r, w)  t = Relu(s)  y = Conv(t, w2) }"
    )
    scaled = equalize(graph, set(graph.shapes), samples(graph, 2))
    assert scaled.constants["w"].tolist() == graph.constants["w"].tolist()
