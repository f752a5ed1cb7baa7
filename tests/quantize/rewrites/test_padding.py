from __future__ import annotations

import pytest

from edge_sdk.quantize.graph import attributes
from edge_sdk.session import runtime_version
from edge_sdk.tensors import snr_db
from tests.quantize.models import BLOCK, build, clean, run, samples

HEAD = f"(float[1,8,9,7] x, {BLOCK}, int64[8] by, float value) => (float[] y)"
OLD = runtime_version().startswith("1.23.")
SIDES = [0, 0, 1, 0, 0, 0, 2, 1]
LEAST = float("-inf")
FOLDED = {
    "padded already": ("q = Pad(x, by, value) y = Conv<pads=[0,1,0,0]>(q, w)", 0.0, [1, 1, 2, 1]),
    "valid": ('q = Pad(x, by, value) y = Conv<auto_pad="VALID">(q, w)', 0.0, [1, 0, 2, 1]),
    "zeros before a maximum of what is not below": (
        "r = Relu(x) q = Pad(r, by, value) y = MaxPool<kernel_shape=[3,3]>(q)",
        0.0,
        [1, 0, 2, 1],
    ),
    "the least before a maximum": ("q = Pad(x, by, value) y = MaxPool<kernel_shape=[3,3]>(q)", LEAST, [1, 0, 2, 1]),
    "counted": (
        "q = Pad(x, by, value) y = AveragePool<kernel_shape=[3,3],count_include_pad=1,pads=[0,1,0,0]>(q)",
        0.0,
        [1, 1, 2, 1],
    ),
    "read by two": (
        'q = Pad(x, by, value) a = Conv<auto_pad="VALID">(q, w) c = Conv<auto_pad="VALID">(q, w) y = Add(a, c)',
        0.0,
        [1, 0, 2, 1],
    ),
}
LEFT = {
    "zeros before a maximum": ("q = Pad(x, by, value) y = MaxPool<kernel_shape=[3,3]>(q)", 0.0),
    "ones before a convolution": ("q = Pad(x, by, value) y = Conv(q, w)", 1.0),
    "more than the window": ("r = Relu(x) q = Pad(r, by, value) y = MaxPool<kernel_shape=[2,2]>(q)", 0.0),
    "not counted": ("q = Pad(x, by, value) y = AveragePool<kernel_shape=[3,3],pads=[0,1,0,0]>(q)", 0.0),
    "reflected": ('q = Pad<mode="reflect">(x, by) y = Conv(q, w)', 0.0),
    "rounded up": (
        "r = Relu(x) q = Pad(r, by, value) y = MaxPool<kernel_shape=[3,3],ceil_mode=1,strides=[2,2]>(q)",
        0.0,
    ),
}


def cleaned(body, value, sides=SIDES):
    text = f"{HEAD} {{ {body} }}"
    graph = clean(text, by=sides, value=value)
    sample = samples(graph)[0]
    expected = run(build(text, by=sides, value=value), sample)["y"]
    assert snr_db(expected, run(graph.model, sample)["y"]) > 100
    return graph


@pytest.mark.parametrize("name", FOLDED)
def test_padding_goes_into_a_window_that_pads_alike(name):
    body, value, pads = FOLDED[name]
    windows = [node for node in cleaned(body, value).nodes if node.op_type in {"Conv", "MaxPool", "AveragePool"}]
    assert [list(attributes(node)["pads"]) for node in windows] == [pads] * len(windows)


@pytest.mark.skipif(OLD, reason="onnxruntime 1.23 itself puts any Pad of zeros into a MaxPool, right or wrong")
@pytest.mark.parametrize("name", LEFT)
def test_padding_of_another_kind_stays(name):
    assert "Pad" in {node.op_type for node in cleaned(*LEFT[name]).nodes}


@pytest.mark.parametrize("sides", [[0, 1, 1, 1, 0, 0, 1, 1], [0, 0, -1, 0, 0, 0, 1, 1]])
def test_padding_of_channels_and_negative_padding_stay(sides):
    body = "r = Relu(x) q = Pad(r, by, value) y = MaxPool<kernel_shape=[3,3]>(q)"
    assert "Pad" in {node.op_type for node in cleaned(body, 0.0, sides).nodes}
