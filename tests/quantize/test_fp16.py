from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto

from edge_sdk.quantize.fp16 import emit_fp16
from edge_sdk.quantize.measure import snr_db
from tests.quantize.models import BLOCK, clean, run, samples

NET = (
    f"(float[1,8,16,16] x, {BLOCK}) => (float[] y, float[] s) "
    "{ a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2, b2) s = Tanh(x) }"
)


def types_of(model):
    """Return the element types of the tensors, by name."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    held = {tensor.name: tensor.data_type for tensor in inferred.graph.initializer}
    return {value.name: value.type.tensor_type.elem_type for value in values} | held


def layer(model, name):
    return next(node for node in model.graph.node if node.name == name)


def test_all_is_float16_but_the_inputs_and_outputs():
    model = emit_fp16(clean(NET))
    types = types_of(model)
    assert {types[name] for name in ("x", "y", "s")} == {TensorProto.FLOAT}
    for node in model.graph.node:
        if node.op_type != "Cast":
            assert {types[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}


def test_layers_that_are_named_stay_float32():
    model = emit_fp16(clean(NET), ["Conv_0"])
    types = types_of(model)
    assert {types[name] for name in layer(model, "Conv_0").input} == {TensorProto.FLOAT}
    assert {types[name] for name in layer(model, "Conv_2").input} == {TensorProto.FLOAT16}


@pytest.mark.parametrize("blocked", [[], ["Conv_0"], ["Conv_0", "Conv_2"]])
def test_operators_stand_in_the_order_of_execution(blocked):
    graph = clean(NET)
    model = emit_fp16(graph, blocked)
    onnx.checker.check_model(model, full_check=True)
    sample = samples(graph)[0]
    assert snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) > 60


def test_the_float_model_is_not_changed():
    graph = clean(NET)
    before = graph.model.SerializeToString()
    emit_fp16(graph)
    assert graph.model.SerializeToString() == before
