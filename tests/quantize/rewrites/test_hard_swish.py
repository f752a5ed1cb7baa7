from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.clean import clean_model
from edge_sdk.tensors import snr_db
from tests.quantize.models import build, clean, run

X = np.linspace(-9, 9, 60, dtype=np.float32).reshape(1, 4, 3, 5)


@pytest.mark.parametrize("opset", [14, 20])
def test_it_is_a_product_with_a_hard_sigmoid(opset):
    graph = clean("(float[1,4,3,5] x) => (float[] y) { y = HardSwish(x) }", opset=opset)
    assert [node.op_type for node in graph.nodes] == ["HardSigmoid", "Mul"]
    expected = X * np.clip(X.astype(np.float64) / 6 + 0.5, 0, 1)
    assert snr_db(expected, run(graph.model, {"x": X})["y"]) > 100


def test_its_operators_are_called_after_it():
    model = build("(float[1,4,3,5] x) => (float[] y) { y = HardSwish(x) }")
    model.graph.node[0].name = "/features/0/act"
    nodes = clean_model(model, where="m", max_opset=20).graph.node
    assert [node.name for node in nodes] == ["/features/0/act_gate", "/features/0/act"]
