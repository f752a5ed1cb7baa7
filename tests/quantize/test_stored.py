from __future__ import annotations

import onnx
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.tensors import snr_db
from tests.quantize.models import PI, clean, run
from tests.quantize.sequences import cleaned, draw, recurrent


@pytest.mark.parametrize("operator", ["GRU", "RNN"])
@pytest.mark.parametrize("directions", [1, 2])
def test_a_recurrent_layer_without_an_integer_kernel_is_stored_in_int8(operator, directions):
    graph = cleaned(recurrent(operator, directions=directions, units=128))
    model = families.emit("dynamic-int8", graph, {}, "minmax")
    onnx.checker.check_model(onnx.load_from_string(model), full_check=False)
    assert len(model) / graph.model.ByteSize() < 0.30
    for sample in draw(graph, 3):
        assert snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) > 25


def test_stored_weights_are_unpacked_once_when_the_model_is_loaded():
    graph = cleaned(recurrent("GRU"))
    plan = preview_bytes(families.emit("dynamic-int8", graph, {}, "minmax"), PI, "dynamic-int8", {})
    assert plan.operators == {"DynamicQuantizeMatMul": 1, "GRU": 1, "Reshape": 1}
    assert plan.integer_share < 0.05
    assert [(island.op, island.reason) for island in plan.islands] == [
        ("GRU", "GRU has no integer kernel in onnxruntime")
    ]


def test_a_table_is_looked_up_in_int8_with_a_scale_a_row():
    graph = clean("(int64[1,7] x, float[600,16] w) => (float[1,7,16] y) { y = Gather(w, x) }")
    model = families.emit("weight-int8", graph, {}, "minmax")
    assert len(model) / graph.model.ByteSize() < 0.35
    for sample in draw(graph, 3):
        assert snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) > 40


def test_weights_that_two_layers_share_are_stored_once():
    text = """(float[5,1,16] x, float[1,96,16] w, float[1,96,32] r, float[1,96,16] w2) => (float[] y, float[] z)
        { y = GRU<hidden_size=32>(x, w, r)  z = GRU<hidden_size=32>(x, w2, r) }"""
    model = onnx.load_from_string(families.emit("dynamic-int8", clean(text), {}, "minmax"))
    assert [node.op_type for node in model.graph.node].count("Cast") == 3
