from __future__ import annotations

import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize.kernels import float_kernel, integer_kernel
from tests.quantize.models import clean

DOTPROD, NEON = load_profile("raspberry-pi-5"), load_profile("raspberry-pi-4b")


def convolution(channels, out, kernel, group=1):
    text = (
        f"(float[1,{channels},8,8] x, float[{out},{channels // group},{kernel},{kernel}] w) => (float[] y) "
        f"{{ y = Conv<group = {group}>(x, w) }}"
    )
    graph = clean(text)
    return graph, graph.nodes[0]


@pytest.mark.parametrize(
    ("shape", "in_float", "on_dotprod", "on_neon"),
    [
        ((48, 32, 1, 1), "product", "product", "product"),
        ((64, 64, 3, 1), "patches", "direct", "direct"),
        ((60, 64, 3, 1), "patches", "patches", "patches"),
        ((68, 64, 3, 1), "patches", "direct", "patches"),
        ((64, 24, 3, 1), "patches", "patches", "direct"),
        ((16, 16, 3, 16), "depthwise-by-group", "depthwise", "depthwise"),
        ((12, 12, 3, 12), "depthwise-by-group", "depthwise-by-group", "depthwise-by-group"),
        ((16, 32, 3, 4), "grouped", "grouped", "grouped"),
    ],
)
def test_the_channels_of_a_convolution_decide_its_kernel(shape, in_float, on_dotprod, on_neon):
    graph, node = convolution(*shape)
    assert float_kernel(graph, node) == in_float
    assert integer_kernel(graph, node, DOTPROD) == on_dotprod
    assert integer_kernel(graph, node, NEON) == on_neon


def test_a_product_of_one_row_is_bound_by_its_weights():
    graph = clean(
        "(float[1,32] x, float[32,10] w, float[4,32] x2) => (float[] y, float[] z) "
        "{ y = MatMul(x, w) z = MatMul(x2, w) }"
    )
    assert [integer_kernel(graph, node, NEON) for node in graph.nodes] == ["vector", "product"]
    assert [float_kernel(graph, node) for node in graph.nodes] == ["vector", "product"]
