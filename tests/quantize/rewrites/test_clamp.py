from __future__ import annotations

import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import BLOCK, build, clean, run, samples

HEAD = f"(float[1,8,9,7] x, {BLOCK}, float low, float high, int64[3] sizes) => (float[] y, float[] z)"
VALUES = {"low": -1.0, "high": 2.0, "sizes": [1, 16, 35]}
POOL = "p = MaxPool<kernel_shape=[2,2],pads=[1,0,1,0]>(a)"
MOVED = {
    "pooled": (f"a = Conv(x, w, b) {POOL} y = Relu(p) z = Neg(x)", ["Conv", "Relu", "MaxPool", "Neg"]),
    "a clip": (f"a = Conv(x, w, b) {POOL} y = Clip(p, low, high) z = Neg(x)", ["Conv", "Clip", "MaxPool", "Neg"]),
    "others read the layer": (
        "a = Conv(x, w, b) r = Reshape(a, sizes) t = Transpose<perm=[2,0,1]>(r) y = Relu(t) z = Neg(a)",
        ["Conv", "Reshape", "Transpose", "Relu", "Neg"],
    ),
    "a chain": (
        "a = Conv(x, w, b) r = Reshape(a, sizes) t = Transpose<perm=[2,0,1]>(r) y = Relu(t) z = Neg(x)",
        ["Conv", "Relu", "Reshape", "Transpose", "Neg"],
    ),
    "others read what is pooled": (
        f"a = Conv(x, w, b) {POOL} y = Relu(p) z = Neg(p)",
        ["Conv", "MaxPool", "Relu", "Neg"],
    ),
    "not of a layer": (
        "a = Tanh(x) p = MaxPool<kernel_shape=[2,2]>(a) y = Relu(p) z = Neg(x)",
        ["Tanh", "MaxPool", "Relu", "Neg"],
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_clamp_goes_next_to_the_layer_that_it_alone_reads(name):
    body, ops = MOVED[name]
    text = f"{HEAD} {{ {body} }}"
    graph, model = clean(text, **VALUES), build(text, **VALUES)
    assert sorted(node.op_type for node in graph.nodes) == sorted(ops)
    order = [node.op_type for node in graph.nodes if node.op_type != "Neg"]
    assert order == [op for op in ops if op != "Neg"]
    sample = samples(graph)[0]
    expected, got = run(model, sample), run(graph.model, sample)
    assert min(snr_db(expected[output], got[output]) for output in "yz") > 100
