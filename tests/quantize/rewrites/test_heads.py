from __future__ import annotations

import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run, samples

POOL = "g = GlobalAveragePool(x)"
HEADS = {
    "last": ("float[1,8,5,3] x, float[4,8,1,1] w", f"{POOL} y = Conv(g, w)", True),
    "with a bias": ("float[1,8,5,3] x, float[4,8,1,1] w, float[4] b", f"{POOL} y = Conv(g, w, b)", True),
    "of two pictures": ("float[2,8,5,3] x, float[4,8,1,1] w", f"{POOL} y = Conv(g, w)", False),
    "of a large picture": ("float[1,8,5,3] x, float[4,8,1,1] w", "y = Conv(x, w)", False),
    "in groups": ("float[1,8,5,3] x, float[4,4,1,1] w", f"{POOL} y = Conv<group=2>(g, w)", False),
    "before another": (
        "float[1,8,5,3] x, float[4,8,1,1] w, float[8,4,1,1] v",
        f"{POOL} r = Conv(g, w) s = Tanh(r) y = Conv(s, v)",
        True,
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_last_convolution_of_a_single_point_is_a_product(name):
    inputs, body, is_product = HEADS[name]
    text = f"({inputs}) => (float[] y) {{ {body} }}"
    graph = clean(text)
    assert [node.op_type for node in graph.nodes].count("Gemm") == is_product
    sample = samples(graph)[0]
    assert snr_db(run(build(text), sample)["y"], run(graph.model, sample)["y"]) > 100
