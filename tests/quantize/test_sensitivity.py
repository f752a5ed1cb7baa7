from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.graph import weighted_layers
from edge_sdk.quantize.measure import open_float
from edge_sdk.quantize.ranges import Quant
from edge_sdk.quantize.sensitivity import PlanNoise, layer_noises, tensor_noises
from edge_sdk.session import host_config, open_session
from tests.quantize.models import calibrated, clean, samples

NET = (
    "(float[1,8,12,12] x, float[8,8,1,1] w, float[8,8,1,1] w2, float[8,8,1,1] w3) => ({outputs}) "
    "{{ a = Conv(x, w) r = Relu(a) c = Conv(r, w2) d = Relu(c) y = Conv(d, w3) {more} }}"
)


def noises(graph, *, advance=lambda _: None, count=4):
    statistics = calibrated(graph)

    def open_alone(excluded):
        model = families.emit("x86-int8", graph, statistics, "mse", excluded)
        return open_session(model, host_config(), where="alone")

    layers = families.returnable_layers("x86-int8", graph)
    few = samples(graph, count)
    return layer_noises(graph, few, open_alone, layers=layers, reference=open_float(graph), advance=advance)


def coarse(rng):
    """Return weights that int8 cannot hold: one great weight, which sees next to nothing, beside those that matter."""
    weights = rng.standard_normal((8, 8, 1, 1)) * 0.3
    weights[:, 0] = 200.0
    return weights


def test_the_layer_that_int8_hurts_most_adds_most_noise():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((8, 8, 1, 1))
    first[0] *= 1e-3
    graph = clean(NET.format(outputs="float[] y", more=""), w=first, w2=coarse(rng))
    most, second, _ = sorted(noises(graph), key=lambda layer: -layer.noise)
    assert most.name == "Conv_2"
    assert most.noise > 5 * second.noise


def test_each_layer_is_told_with_its_share_of_the_work():
    graph, told = clean(NET.format(outputs="float[] y", more="")), []
    layers = noises(graph, advance=told.append)
    assert [layer.name for layer in layers] == [node.name for node in weighted_layers(graph)]
    assert [layer.work for layer in layers] == [pytest.approx(1 / 3)] * 3
    assert all(layer.noise > 0 for layer in layers)
    assert told == [1, 1, 1]


def test_an_output_of_zeros_adds_no_noise():
    graph = clean(NET.format(outputs="float[] y, float[] z", more="z = Sub(x, x)"))
    assert all(np.isfinite(layer.noise) for layer in noises(graph))


def test_what_is_rounded_between_layers_is_noise_until_all_of_them_are_in_float():
    graph = clean(NET.format(outputs="float[] y", more=""))
    statistics, few = calibrated(graph), samples(graph, 4)
    written = families.integers("x86-int8", graph, statistics, "mse").calibration.quants
    quants = {name: quant for name, quant in written.items() if name in statistics}
    alone = noises(graph)
    tensors = tensor_noises(graph, few, quants, reference=open_float(graph))
    left = PlanNoise("x86-int8", graph, alone, tensors)
    first, second, third = (layer.name for layer in alone)
    assert left.of((first, second, third)) == 0.0
    saved = {names: left.of(()) - left.of(names) for names in ((first,), (second,), (first, second))}
    assert saved[first, second] == pytest.approx(saved[first,] + saved[second,] + tensors["r"])


def test_a_coarser_tensor_adds_more_noise():
    graph = clean(NET.format(outputs="float[] y", more=""))
    few, reference = samples(graph, 4), open_float(graph)
    found = [tensor_noises(graph, few, {"r": Quant(step, -128)}, reference=reference)["r"] for step in (0.04, 0.16)]
    assert 8 < found[1] / found[0] < 32
    assert tensor_noises(graph, few, {"x": Quant(1.0, 0)}, reference=reference)["x"] > 0
