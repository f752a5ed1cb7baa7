from __future__ import annotations

import pytest

from tests.quantize.models import clean


@pytest.mark.parametrize(("divisor", "op"), [(4.0, "Mul"), (-3.0, "Mul"), (0.0, "Div"), (1e39, "Div"), (1e-39, "Div")])
def test_a_division_becomes_a_product_where_the_inverse_is_a_full_number(divisor, op):
    graph = clean("(float[1,5,3] x, float k) => (float[] y) { y = Div(x, k) }", k=divisor)
    assert [(node.op_type, node.name) for node in graph.nodes] == [(op, "Div_0")]


@pytest.mark.parametrize("operands", ["k, x", "x, x2"])
def test_a_division_by_what_is_computed_stays(operands):
    graph = clean(f"(float[1,5,3] x, float[1,5,3] x2, float k) => (float[] y) {{ y = Div({operands}) }}", k=2.0)
    assert [node.op_type for node in graph.nodes] == ["Div"]


def test_a_division_of_whole_numbers_stays():
    assert clean("(int64[4] x, int64 k) => (int64[4] y) { y = Div(x, k) }", k=3).nodes[0].op_type == "Div"
