from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.tensors import snr_db
from tests.quantize.models import clean, run

X = np.linspace(-9, 9, 60, dtype=np.float32).reshape(1, 4, 3, 5)


@pytest.mark.parametrize(
    ("written", "opset", "alpha"),
    [
        ("Swish", 24, 1.0),
        ("Swish<alpha=0.5>", 24, 0.5),
        ("com.microsoft.QuickGelu<alpha=1.0>", 13, 1.0),
        ("com.microsoft.QuickGelu", 17, 1.702),
    ],
)
def test_silu_in_all_its_forms_is_a_product_with_a_sigmoid(written, opset, alpha):
    graph = clean(f"(float[1,4,3,5] x) => (float[] y) {{ y = {written}(x) }}", opset=opset)
    assert [node.op_type for node in graph.nodes] == ["Mul"] * (alpha != 1) + ["Sigmoid", "Mul"]
    assert {node.name for node in graph.nodes} <= {"y", "y_alpha", "y_gate"}
    expected = X / (1 + np.exp(-alpha * X.astype(np.float64)))
    assert snr_db(expected, run(graph.model, {"x": X})["y"]) > 100
