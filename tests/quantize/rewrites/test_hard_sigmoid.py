from __future__ import annotations

import pytest

from edge_sdk.quantize.graph import attributes
from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

NUMBERS = {"zero": 0.0, "one": 1.0, "three": 3.0, "six": 6.0, "five": 5.0, "sixth": 1 / 6, "half": 0.5, "minus": -0.2}
HEAD = f"(float[1,4,3,5] x, {', '.join(f'float {name}' for name in NUMBERS)})"
RAMP = "p = Add(x, three) c = Clip(p, zero, six)"
RECOGNISED = {
    "divided": (f"{RAMP} y = Div(c, six)", ["HardSigmoid"]),
    "multiplied": (f"{RAMP} y = Mul(sixth, c)", ["HardSigmoid"]),
    "between 0 and 1": ("m = Mul(x, sixth) p = Add(half, m) y = Clip(p, zero, one)", ["HardSigmoid"]),
    "a swish": (f"{RAMP} d = Div(c, six) y = Mul(x, d)", ["HardSigmoid", "Mul"]),
    "a swish divided last": (f"{RAMP} d = Mul(c, x) y = Div(d, six)", ["HardSigmoid", "Mul"]),
    "a swish divided first": (f"d = Div(x, six) {RAMP} y = Mul(d, c)", ["HardSigmoid", "Mul"]),
    "subtracted": ("k = Neg(three) p = Sub(x, k) c = Clip(p, zero, six) y = Div(c, six)", ["HardSigmoid"]),
}
LEFT = {
    "another height": f"{RAMP} y = Div(c, five)",
    "another floor": "p = Add(x, three) c = Clip(p, minus, six) y = Div(c, six)",
    "falling": "m = Mul(x, minus) p = Add(half, m) y = Clip(p, zero, one)",
    "not shifted": "c = Clip(x, zero, six) y = Div(c, six)",
    "squared": f"{RAMP} d = Mul(c, c) y = Div(d, six)",
    "read twice": f"{RAMP} d = Div(c, six) y = Add(c, d)",
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_hard_sigmoid_written_out_is_recognised(name):
    body, ops = RECOGNISED[name]
    text = f"{HEAD} => (float[] y) {{ {body} }}"
    graph, model = clean(text, **NUMBERS), build(text, **NUMBERS)
    assert [node.op_type for node in graph.nodes] == ops
    facts = attributes(graph.nodes[0])
    assert (facts["alpha"], facts["beta"]) == (pytest.approx(1 / 6), pytest.approx(0.5))
    sample = {"x": samples(graph)[0]["x"] * 3}
    assert snr_db(run(model, sample)["y"], run(graph.model, sample)["y"]) > 100


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_hard_sigmoid_is_left(name):
    text = f"{HEAD} => (float[] y) {{ {LEFT[name]} }}"
    graph = clean(text, **NUMBERS)
    assert "HardSigmoid" not in {node.op_type for node in graph.nodes}
    sample = {"x": samples(graph)[0]["x"] * 3}
    assert snr_db(run(build(text, **NUMBERS), sample)["y"], run(graph.model, sample)["y"]) > 100
