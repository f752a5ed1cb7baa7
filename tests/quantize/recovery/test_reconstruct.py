from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.emit import FORMS, layer_weights
from edge_sdk.quantize.recovery import affordable, reconstruct
from edge_sdk.quantize.weights import Layer, layer_bias
from edge_sdk.tensors import snr_db
from tests.quantize.models import clean, run, samples

DEEP = """(float[1,3,14,10] x, float[16,3,3,3] w, float[16] b, float[16,1,3,3] w2, float[16] b2, float[24,16,1,1] w3,
    float[24] b3, float[24,1,3,3] w4, float[24] b4, float[10,24] w5, float[10] b5) => (float[1,10] y) {
    c = Conv<pads=[1,1,1,1]>(x, w, b)    r = Relu(c)
    d = Conv<pads=[1,1,1,1], group=16, strides=[2,2]>(r, w2, b2)    s = Relu(d)
    e = Conv(s, w3, b3)    t = Relu(e)
    f = Conv<pads=[1,1,1,1], group=24>(t, w4, b4)    u = Relu(f)
    g = GlobalAveragePool(u)    h = Flatten(g)    y = Gemm<transB=1>(h, w5, b5)
}"""
FAMILIES = ("arm-int8", "x86-int8", "tensorrt-int8")


def positive(graph, count=12):
    """Return inputs whose channels vary together, as pictures' do."""
    rng = np.random.default_rng(3)
    shape = graph.shapes["x"]
    return [
        {"x": (np.abs(rng.standard_normal(shape[2:])) + 0.2 * rng.standard_normal(shape)).astype(np.float32)}
        for _ in range(count)
    ]


def made(graph, family, inputs, correction, excluded=()):
    """Return a family's model with layers reconstructed, and one with layers rounded to the nearest."""
    tensors = families.tensors_to_calibrate([family], graph)
    statistics = collect(graph, tensors, lambda: inputs)
    integers = families.integers(family, graph, statistics, "minmax", excluded)
    layers = reconstruct(integers, inputs, correction)
    plain = families.emit(family, graph, statistics, "minmax", excluded)
    return families.emit(family, graph, statistics, "minmax", excluded, layers=layers), plain, layers


def with_weights(graph, layers):
    """Return the float model with the weights of layers as they are stored, and their bias."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in graph.nodes:
        if node.name in layers:
            for name, values in zip(
                node.input[1:], (layers[node.name].weights.real, layers[node.name].bias), strict=True
            ):
                stored[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    return model


def test_weights_lose_less_than_rounded_to_the_nearest_also_on_samples_not_seen():
    graph = clean(DEEP)
    inputs = positive(graph, 40)
    _, _, layers = made(graph, "x86-int8", inputs[:24], "weights")
    nearest = {
        node.name: Layer(layer_weights(graph, node, 1.0, FORMS["x86-int8"]), layer_bias(graph, node))
        for node in graph.nodes
        if node.name in layers
    }
    expected = [run(graph.model, one)["y"] for one in inputs[24:]]
    ratios = [
        snr_db(
            np.concatenate(expected), np.concatenate([run(with_weights(graph, some), one)["y"] for one in inputs[24:]])
        )
        for some in (layers, nearest)
    ]
    assert ratios[0] > ratios[1] + 3


@pytest.mark.parametrize("family", FAMILIES)
def test_scales_and_sizes_stay_as_the_nearest_rounding_has_them(family):
    graph = clean(DEEP)
    recovered, plain, layers = made(graph, family, positive(graph), "activations")
    assert len(recovered) == pytest.approx(len(plain), rel=0.02)
    assert all(layer.weights.stored.dtype == np.int8 for layer in layers.values())
    assert {name for name, layer in layers.items() if layer.bias is None} == set()


def test_the_means_of_results_are_put_where_they_are_in_float():
    graph = clean(DEEP)
    inputs = positive(graph, 24)
    recovered, plain, _ = made(graph, "x86-int8", inputs, "activations")

    def shift(model):
        session = families.open_measured("x86-int8", model)
        return np.abs(np.mean([session.run(one)["y"] - run(graph.model, one)["y"] for one in inputs], axis=0)).max()

    assert shift(recovered) < 0.5 * shift(plain)


@pytest.mark.parametrize("correction", ["weights", "activations"])
def test_weights_that_are_rounded_already_are_taken_and_biases_follow_the_choice(correction):
    graph = clean(DEEP)
    inputs = positive(graph)
    statistics = collect(graph, families.tensors_to_calibrate(["x86-int8"], graph), lambda: inputs)
    integers = families.integers("x86-int8", graph, statistics, "minmax")
    first = reconstruct(integers, inputs, "weights")
    again = reconstruct(integers, inputs, correction, rounded=first)
    assert all(again[name].weights is layer.weights for name, layer in first.items())
    same = [np.array_equal(again[name].bias, layer.bias) for name, layer in first.items()]
    assert all(same) if correction == "weights" else not any(same)


def test_weights_rounded_for_other_scales_are_rounded_anew():
    graph = clean(DEEP)
    inputs = positive(graph)
    statistics = collect(graph, families.tensors_to_calibrate(["x86-int8"], graph), lambda: inputs)
    integers = families.integers("x86-int8", graph, statistics, "minmax")
    first = reconstruct(integers, inputs, "weights")
    other = {
        name: replace(layer, weights=replace(layer.weights, scales=layer.weights.scales * 2))
        for name, layer in first.items()
    }
    again = reconstruct(integers, inputs, "weights", rounded=other)
    assert all((again[name].weights.scales == layer.weights.scales).all() for name, layer in first.items())


def test_layers_in_float_are_left_alone():
    graph = clean(DEEP)
    first = next(node.name for node in graph.nodes if node.op_type == "Conv")
    _, _, layers = made(graph, "x86-int8", positive(graph), "weights", (first,))
    assert first not in layers
    assert len(layers) == 4


def test_branches_matrix_products_and_several_readers_are_gone_through():
    graph = clean(
        "(float[1,6,8] x, float[8,16] w, float[16,8] w2, float[1,6,8] k) => (float[1,6,8] y, float[1,6,16] z) {"
        " a = MatMul(x, w)  z = Sigmoid(a)  b = MatMul(z, w2)  c = Add(b, x)  y = Mul(c, k) }"
    )
    inputs = samples(graph, 6)
    recovered, plain, layers = made(graph, "arm-int8", inputs, "activations")
    assert all(layer.bias is None for layer in layers.values())
    assert run(recovered, inputs[0], {})["y"].shape == run(plain, inputs[0], {})["y"].shape
    assert snr_db(run(graph.model, inputs[0])["y"], run(recovered, inputs[0], {})["y"]) > 25


def test_as_many_samples_are_kept_as_memory_is_there_for():
    small, large = clean(DEEP), clean(DEEP.replace("14,10", "1400,1000"))
    assert affordable(small) == 64
    assert 4 <= affordable(large) < 16
