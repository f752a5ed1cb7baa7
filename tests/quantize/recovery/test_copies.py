from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.recovery import copy_channels
from edge_sdk.tensors import snr_db
from tests.quantize.models import as_it_is, run

CHAIN = """(float[1,3,64,64] x, float[8,3,3,3] w, float[8] b, float[8,1,3,3] w2, float[8] b2, float[5,8,1,1] w3,
    float[5] b3, float zero, float six) => (float[1,5,64,64] y) {
    h = Conv<pads=[1,1,1,1]>(x, w, b)
    r = Clip(h, zero, six)
    d = Conv<pads=[1,1,1,1], group=8>(r, w2, b2)
    s = Relu(d)
    y = Conv(s, w3, b3)
}"""
SUM = CHAIN.replace("y = Conv(s, w3, b3)", "t = Add(s, r) y = Conv(t, w3, b3)")


def small(text=CHAIN, *, dead=(3, 6, 7)):
    """Return a graph in which some channels end at zero."""
    rng = np.random.default_rng(0)
    values = {"w": on_grid(rng, (8, 3, 3, 3)) / 3, "b": np.full(8, 1.5)}
    values |= {"w2": on_grid(rng, (8, 1, 3, 3)) / 3, "b2": np.full(8, 0.5), "w3": on_grid(rng, (5, 8, 1, 1))}
    values["b2"][list(dead)] = -1e3
    return Graph(as_it_is(text, **values, b3=np.zeros(5), zero=0.0, six=6.0))


def on_grid(rng, shape):
    """Return random weights that int8 holds exactly."""
    steps = rng.integers(-127, 128, shape)
    steps[:, 0, 0, 0] = 127
    return steps / 64


def seen_of(graph, count=24):
    rng = np.random.default_rng(1)  # inputs that 256 steps hold exactly, so that their rounding adds no noise
    inputs = [{"x": rng.integers(-128, 128, (1, 3, 64, 64)).astype(np.float32) / 64} for _ in range(count)]
    inputs[0]["x"].ravel()[:2] = -2, 127 / 64
    return inputs, collect(graph, families.tensors_to_calibrate(["arm-int8"], graph), lambda: inputs)


def noise_db(graph, seen, original, inputs):
    """Return the signal-to-noise ratio of a graph in integers to the float model."""
    model = families.emit("arm-int8", graph, seen, "minmax", [graph.nodes[-1].name])
    return np.mean([snr_db(run(original.model, one)["y"], run(model, one)["y"]) for one in inputs])


def test_channels_that_carry_nothing_carry_others_once_more():
    graph = small()
    _, seen = seen_of(graph)
    copied, found = copy_channels(graph, seen)
    weight = copied.constants["w3"]
    for slot in (3, 6, 7):
        (source,) = (c for c in (0, 1, 2, 4, 5) if (weight[:, c] == weight[:, slot]).all())
        assert (copied.constants["w"][slot] == graph.constants["w"][source]).all()
        assert found["s"].channels.mean[slot] == seen["s"].channels.mean[source] > 0


def test_the_float_graph_computes_the_same_but_for_a_part_of_a_step():
    graph = small()
    inputs, seen = seen_of(graph)
    copied, _ = copy_channels(graph, seen)
    for one in inputs:
        assert snr_db(run(graph.model, one)["y"], run(copied.model, one)["y"]) > 55


def test_copies_leave_less_noise_in_integers():
    graph = small()
    inputs, seen = seen_of(graph)
    assert noise_db(*copy_channels(graph, seen), graph, inputs) > noise_db(graph, seen, graph, inputs) + 1.5


@pytest.mark.parametrize(("text", "dead", "count"), [(CHAIN, (), 24), (SUM, (3,), 24), (CHAIN, (3,), 15)])
def test_a_graph_stays_where_all_channels_live_or_are_mixed_otherwise_or_too_little_was_seen(text, dead, count):
    graph = small(text, dead=dead)
    _, seen = seen_of(graph, count)
    assert copy_channels(graph, seen) == (graph, seen)
