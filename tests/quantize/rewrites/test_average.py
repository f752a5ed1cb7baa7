from __future__ import annotations

import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

WINDOWS = {
    "kernel_shape=[2,3],strides=[2,1]": ["Tanh", "Conv"],
    "kernel_shape=[3,3],pads=[1,0,1,2],count_include_pad=1": ["Tanh", "Conv"],
    'kernel_shape=[3,2],auto_pad="VALID"': ["Tanh", "Conv"],
    "kernel_shape=[3,3],strides=[2,2],ceil_mode=1": ["Tanh", "Conv"],
    "kernel_shape=[9,7]": ["Tanh", "GlobalAveragePool"],
    "kernel_shape=[3,3],pads=[1,1,1,1]": ["Tanh", "AveragePool"],
    "kernel_shape=[2,2],strides=[2,2],ceil_mode=1": ["Tanh", "AveragePool"],
    'kernel_shape=[2,2],auto_pad="SAME_UPPER"': ["Tanh", "AveragePool"],
    "kernel_shape=[2,2],dilations=[2,1]": ["Tanh", "AveragePool"],
}


@pytest.mark.parametrize("window", WINDOWS)
def test_a_mean_of_windows_of_one_size_is_a_convolution(window):
    opset = 19 if "dilations" in window else 13
    text = f"(float[2,6,9,7] x) => (float[] y) {{ t = Tanh(x) y = AveragePool<{window}>(t) }}"
    graph = clean(text, opset=opset)
    assert [node.op_type for node in graph.nodes] == WINDOWS[window]
    assert graph.nodes[1].name == "AveragePool_1"
    sample = samples(graph)[0]
    assert snr_db(run(build(text, opset=opset), sample)["y"], run(graph.model, sample)["y"]) > 100
