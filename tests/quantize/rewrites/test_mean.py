from __future__ import annotations

import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

POOLED = [
    ("axes=[2,3]", ["GlobalAveragePool"]),
    ("axes=[-1,-2],keepdims=0", ["GlobalAveragePool", "Reshape"]),
    ("axes=[2]", ["Conv"]),
    ("axes=[3],keepdims=0", ["Conv", "Reshape"]),
]
LEFT = ["axes=[1]", "axes=[0,2,3]", "axes=[1,2,3],keepdims=0", "keepdims=1"]


def same(text, **values):
    graph = clean(text, **values)
    sample = samples(graph)[0]
    opset = values.pop("opset", 17)
    assert snr_db(run(build(text, opset=opset, **values), sample)["y"], run(graph.model, sample)["y"]) > 100
    return [node.op_type for node in graph.nodes]


@pytest.mark.parametrize(("how", "ops"), POOLED)
def test_a_mean_over_sizes_of_a_picture_is_a_pooling(how, ops):
    assert same(f"(float[2,4,5,3] x) => (float[] y) {{ y = ReduceMean<{how}>(x) }}") == ops


@pytest.mark.parametrize("how", LEFT)
def test_a_mean_over_anything_else_stays(how):
    assert same(f"(float[2,4,5,3] x) => (float[] y) {{ y = ReduceMean<{how}>(x) }}") == ["ReduceMean"]


@pytest.mark.parametrize("axes", [[2, 3], [-1, -2], [2]])
def test_axes_may_be_an_input(axes):
    text = f"(float[2,4,5,3] x, int64[{len(axes)}] axes) => (float[] y) {{ y = ReduceMean(x, axes) }}"
    assert same(text, axes=axes, opset=18) == ["GlobalAveragePool" if len(axes) == 2 else "Conv"]


@pytest.mark.parametrize(
    ("how", "ops"),
    [
        ("axes=[1,2],keepdims=0", ["GlobalAveragePool", "Reshape"]),
        ("axes=[1,2]", ["GlobalAveragePool", "Transpose"]),
        ("axes=[3]", ["ReduceMean", "Transpose"]),
    ],
)
def test_a_mean_with_channels_last_is_one_of_the_picture_before_it_is_transposed(how, ops):
    text = f"(float[2,4,5,3] x) => (float[] y) {{ t = Transpose<perm=[0,2,3,1]>(x) y = ReduceMean<{how}>(t) }}"
    assert same(text) == ops


def test_a_mean_of_a_signal_is_a_pooling():
    text = "(float[2,4,50] x) => (float[] y) { y = ReduceMean<axes=[2],keepdims=0>(x) }"
    assert same(text) == ["GlobalAveragePool", "Reshape"]
