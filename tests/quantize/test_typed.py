from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.typed import to_half
from edge_sdk.tensors import snr_db
from tests.quantize.models import (
    AS_WRITTEN,
    BLOCK,
    build,
    clean,
    load_cases,
    quantized,
    run,
    samples,
    text_of,
)

PATTERNS = load_cases("patterns")
LOADED = set(range(13, 23))
NET = (
    f"(float[1,8,16,16] x, {BLOCK}) => (float[] y, float[] s) "
    "{ a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2, b2) s = Tanh(x) }"
)


def types_of(model):
    """Return the element types of the tensors by name, as they follow from the graph; nothing may contradict it."""
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(inferred, full_check=True)
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    held = {tensor.name: tensor.data_type for tensor in inferred.graph.initializer}
    return {value.name: value.type.tensor_type.elem_type for value in values} | held


def contradiction(model):
    """Return what strict inference says against a model; nothing if it agrees."""
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as exc:
        return str(exc)
    return ""


def operators(model, kind):
    return [node for node in model.graph.node if node.op_type == kind]


def layer(model, name):
    return next(node for node in model.graph.node if node.name == name)


def worst_snr_db(graph, model, entries=None):
    expected, got = (run(one, samples(graph)[0], entries) for one in (graph.model, model))
    return min(snr_db(values, got[name]) for name, values in expected.items())


def test_all_is_float16_but_the_inputs_and_outputs():
    model = to_half(clean(NET), ())
    types = types_of(model)
    assert {types[name] for name in ("x", "y", "s")} == {TensorProto.FLOAT}
    for node in model.graph.node:
        if node.op_type != "Cast":
            assert {types[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}
    assert len(operators(model, "Cast")) == 3


@pytest.mark.parametrize("single", [(), ("Conv_0",), ("Conv_0", "Relu_1"), ("Conv_0", "Conv_2")])
def test_a_tensor_is_cast_once_and_never_back(single):
    graph = clean(NET)
    model = to_half(graph, single)
    types_of(model)
    casts = operators(model, "Cast")
    assert len({node.input[0] for node in casts}) == len(casts)
    assert {node.output[0] for node in casts}.isdisjoint(node.input[0] for node in casts)
    for name in single:
        assert {types_of(model)[tensor] for tensor in layer(model, name).input} == {TensorProto.FLOAT}
    assert worst_snr_db(graph, model) > 60


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_typed_without_contradiction(name):
    case = PATTERNS[name]
    graph = clean(text_of(case), opset=case.get("opset", 17), **case.get("values", {}))
    model = to_half(graph, ())
    types = types_of(model)
    assert [types[value.name] for value in model.graph.output] == [
        v.type.tensor_type.elem_type for v in graph.model.graph.output
    ]
    names = [name for node in model.graph.node for name in node.output]
    assert len(set(names)) == len(names)


def test_a_constant_output_and_an_input_that_is_an_output_stay():
    model = build("(float[1,4] x, float[1,4] k) => (float[1,4] k, float[1,4] y) { y = Tanh(x) }")
    typed = to_half(Graph(onnx.shape_inference.infer_shapes(model)), ())
    assert types_of(typed)["k"] == TensorProto.FLOAT
    sample = {"x": np.ones((1, 4), np.float32)}
    np.testing.assert_array_equal(run(typed, sample)["k"], numpy_helper.to_array(model.graph.initializer[0]))


def test_a_tensor_that_is_an_output_and_read_again_has_both_types():
    graph = clean(
        f"(float[1,8,16,16] x, {BLOCK}) => (float[] a, float[] y) {{ a = Conv(x, w, b) y = Conv(a, w2, b2) }}"
    )
    model = to_half(graph, ())
    types = types_of(model)
    assert (types["a"], types[layer(model, "Conv_1").input[0]]) == (TensorProto.FLOAT, TensorProto.FLOAT16)
    assert worst_snr_db(graph, model) > 60


def test_what_onnx_has_in_float32_only_stays_so():
    text = (
        "(float[1,2,4,4] x) => (float[] y) {"
        ' s = Constant<value_floats=[1.0,1.0,2.0,2.0]>() r = Tanh(x) u = Resize<mode="linear">(r, , s) y = Exp(u) }'
    )
    model = to_half(clean(text), ())
    (resize,) = operators(model, "Resize")
    types = types_of(model)
    assert [types[name] for name in resize.input if name] == [TensorProto.FLOAT16, TensorProto.FLOAT]


def test_branches_read_float32_by_the_names_they_know():
    text = """(float[1,4] x, bool x2) => (float[] y) {
        a = Tanh(x)
        b = If <then_branch = g1 () => (float[1,4] t) { t = Exp(a) },
                else_branch = g2 () => (float[1,4] e) { e = Neg(a) }>(x2)
        y = Sigmoid(b) }"""
    graph = clean(text)
    model = to_half(graph, ())
    types = types_of(model)
    assert (types["a"], types[operators(model, "Tanh")[0].output[0]]) == (TensorProto.FLOAT, TensorProto.FLOAT16)
    assert worst_snr_db(graph, model) > 60


def test_casts_of_the_model_that_have_become_needless_go():
    text = "(float[1,4] x) => (float[] y) { a = Tanh(x) h = Cast<to=10>(a) r = Relu(h) f = Cast<to=1>(r) y = Exp(f) }"
    graph = Graph(onnx.shape_inference.infer_shapes(build(text)))
    model = to_half(graph, ())
    types_of(model)
    assert [node.op_type for node in model.graph.node] == ["Cast", "Tanh", "Relu", "Exp", "Cast"]
    assert worst_snr_db(graph, model) > 60


def test_typed_int8_has_its_scales_and_all_around_in_float16():
    graph = clean(
        "(float[1,32,8,8] x, float[32,32,3,3] w, float[32] b, float[32,32,3,3] w2) => (float[] y) "
        "{ a = Conv(x, w, b) r = Relu(a) t = Conv(r, w2) y = Tanh(t) }"
    )
    model = onnx.load_from_string(quantized(graph, "tensorrt-int8-typed"))
    types = types_of(model)
    assert model.opset_import[0].version == 19
    for node in operators(model, "DequantizeLinear"):
        assert {types[node.input[1]], types[node.output[0]]} == {TensorProto.FLOAT16}
    first, second = operators(model, "QuantizeLinear")
    assert (types[first.input[0]], types[second.input[0]]) == (TensorProto.FLOAT, TensorProto.FLOAT16)
    assert worst_snr_db(graph, model, AS_WRITTEN) > 25


def test_typed_int8_computes_what_untyped_int8_computes():
    graph = clean(
        "(float[1,32,8,8] x, float[32,32,3,3] w, float[32] b, float[32,32,3,3] w2) => (float[] y) "
        "{ a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2) }"
    )
    plain, typed = (quantized(graph, family) for family in ("tensorrt-int8", "tensorrt-int8-typed"))
    sample = samples(graph)[0]
    assert snr_db(run(plain, sample, AS_WRITTEN)["y"], run(typed, sample, AS_WRITTEN)["y"]) > 30


def test_the_float_model_is_not_changed():
    graph = clean(NET)
    before = graph.model.SerializeToString()
    to_half(graph, ["Conv_0"])
    assert graph.model.SerializeToString() == before


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_operators_that_onnx_has_cases_of_are_typed_without_contradiction():
    typed = set()
    for model in (case.model for case in collect_testcases(None) if case.model is not None):
        versions = {entry.version for entry in model.opset_import if not entry.domain}
        if versions and versions <= LOADED and not contradiction(model):
            half = to_half(Graph(onnx.shape_inference.infer_shapes(model)), ())
            assert not contradiction(half), model.graph.name
            typed |= {node.op_type for node in half.graph.node}
    assert len(typed) > 140
