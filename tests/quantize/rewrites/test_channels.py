from __future__ import annotations

import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

CLIP = {"low": 0.0, "high": 6.0, "above": 1.0}
WIDENED = {
    "between clamps": "a = Conv(x, w, b) r = Relu(a) d = Conv<group=10,pads=[1,1,1,1]>(r, v, b) "
    "c = Clip(d, low, high) y = Conv(c, u, t)",
    "bare": "a = Conv(x, w) d = Conv<group=10,strides=[2,1]>(a, v) y = Conv(d, u)",
}
LEFT = {
    "read by another": "a = Conv(x, w, b) d = Conv<group=10>(a, v, b) e = Conv(d, u) f = Conv(d, u, t) y = Add(e, f)",
    "of what no convolution makes": "a = Tanh(x10) d = Conv<group=10>(a, v, b) y = Conv(d, u)",
    "not zero for zero": "a = Conv(x, w, b) c = Clip(a, above, high) d = Conv<group=10>(c, v, b) y = Conv(d, u)",
    "into no convolution": "a = Conv(x, w, b) d = Conv<group=10>(a, v, b) y = Softmax(d)",
    "with dear neighbours": "a = Conv(x300, w300, b) d = Conv<group=10>(a, v, b) y = Conv(d, u)",
}
HEAD = (
    "(float[1,3,9,7] x, float[1,10,9,7] x10, float[1,300,9,7] x300, float[10,3,1,1] w, float[10,300,1,1] w300, "
    "float[10] b, float[10,1,3,3] v, float[4,10,1,1] u, float[4] t, float low, float high, float above) => (float[] y)"
)


def channels(body):
    """Return the channels of the depthwise convolution, once it is sure that the graph computes what it did."""
    text = f"{HEAD} {{ {body} }}"
    graph = clean(text, **CLIP)
    sample = samples(graph)[0]
    assert snr_db(run(build(text, **CLIP), sample)["y"], run(graph.model, sample)["y"]) > 100
    widths = [graph.constants[node.input[1]].shape for node in graph.nodes if node.op_type == "Conv"]
    return next(shape[0] for shape in widths if shape[1:] == (1, 3, 3))


@pytest.mark.parametrize("name", WIDENED)
def test_channels_go_by_eights_where_a_depthwise_convolution_stands_between_two_others(name):
    assert channels(WIDENED[name]) == 16


@pytest.mark.parametrize("name", LEFT)
def test_channels_stay_where_others_would_see_the_new_ones_or_it_would_not_pay(name):
    assert channels(LEFT[name]) == 10


def test_widened_operators_keep_their_names():
    names = [node.name for node in clean(f"{HEAD} {{ {WIDENED['bare']} }}", **CLIP).nodes]
    assert names == ["Conv_0", "Conv_1", "Conv_2"]
