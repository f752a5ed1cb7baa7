from __future__ import annotations

import numpy as np
import pytest

from tests.quantize.models import clean, run


@pytest.mark.parametrize(("operands", "ops"), [("x, k", ["Add"]), ("k, x", ["Mul", "Add"]), ("x, x2", ["Sub"])])
def test_a_subtraction_with_a_constant_becomes_a_sum(operands, ops):
    text = f"(float[2,3] x, float[2,3] x2, float[3] k) => (float[] y) {{ y = Sub({operands}) }}"
    graph = clean(text, k=[1.5, 2, -1])
    assert [node.op_type for node in graph.nodes] == ops
    assert graph.nodes[-1].name == "Sub_0"
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    values = {"x": x[0], "x2": x[1], "k": np.array([1.5, 2, -1], np.float32)}
    left, right = (values[name] for name in operands.split(", "))
    np.testing.assert_array_equal(run(graph.model, {name: values[name] for name in graph.inputs})["y"], left - right)


def test_a_subtraction_of_whole_numbers_stays():
    assert clean("(int64[4] x, int64 k) => (int64[4] y) { y = Sub(x, k) }", k=3).nodes[0].op_type == "Sub"
