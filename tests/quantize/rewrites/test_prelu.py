from __future__ import annotations

import pytest

from tests.quantize.models import clean


@pytest.mark.parametrize(("slopes", "op"), [([0.25, 0.25], "LeakyRelu"), ([0.25, 0.5], "PRelu")])
def test_slopes_that_are_all_alike_are_one(slopes, op):
    text = "(float[1,2,3,4] x, float[2,1,1] s) => (float[] y) { y = PRelu(x, s) }"
    graph = clean(text, s=[[[slope]] for slope in slopes])
    assert [(node.op_type, node.name) for node in graph.nodes] == [(op, "PRelu_0")]


def test_slopes_that_are_computed_stay():
    assert clean("(float[1,2] x, float[1,2] x2) => (float[] y) { y = PRelu(x, x2) }").nodes[0].op_type == "PRelu"
