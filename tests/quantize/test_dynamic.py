from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import quantize_dynamic

from edge_sdk.quantize import families
from edge_sdk.session import host_config
from edge_sdk.tensors import snr_db
from tests.quantize.models import clean, run
from tests.quantize.sequences import cleaned, draw, encoder, recurrent

AS_WITHOUT_VNNI = {"session.x64quantprecision": "1"}


def emitted(graph, excluded=()):
    model = families.emit("dynamic-int8", graph, {}, "minmax", excluded)
    onnx.checker.check_model(onnx.load_from_string(model))
    return model


def ratios_db(graph, model, count):
    return [snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) for sample in draw(graph, count)]


def worst_db(graph, model):
    return min(ratios_db(graph, model, 4))


def operators(model):
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@pytest.mark.parametrize("directions", [1, 2])
def test_an_lstm_becomes_the_integer_one_and_stays_near(directions):
    graph = cleaned(recurrent("LSTM", directions=directions, units=128))
    model = emitted(graph)
    assert operators(model)[0] == "DynamicQuantizeLSTM"
    assert worst_db(graph, model) > 25
    assert len(model) / graph.model.ByteSize() < 0.30


@pytest.mark.parametrize(("by_channel", "more_db"), [(False, 1.0), (True, -0.1)])
def test_an_lstm_loses_less_than_by_onnxruntimes_tool_and_no_more_than_by_its_best(tmp_path, by_channel, more_db):
    float_model = recurrent("LSTM", units=96)
    onnx.save(float_model, tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "theirs.onnx", per_channel=by_channel)
    theirs = onnx.load(tmp_path / "theirs.onnx").SerializeToString()
    graph = cleaned(float_model)
    assert np.mean(ratios_db(graph, emitted(graph), 32)) > np.mean(ratios_db(graph, theirs, 32)) + more_db


def test_an_encoder_of_a_transformer_computes_its_matrices_in_integers():
    graph = cleaned(encoder())
    model = emitted(graph)
    kinds = operators(model)
    assert kinds.count("MatMulIntegerToFloat") == 2 * 6 + 1
    assert kinds.count("MatMul") == 2 * 2  # those of attention have no weights
    assert worst_db(graph, model) > 25
    assert len(model) / graph.model.ByteSize() < 0.30


def test_rows_that_several_layers_read_are_rounded_once():
    graph = cleaned(encoder(layers=1))
    kinds = operators(emitted(graph))
    assert kinds.count("DynamicQuantizeLinear") == 6 + 1 - 2  # query, key and value read the same rows


@pytest.mark.parametrize("bias", ["float[8] b", "float[1,8] b", "float[2,8] b"])
def test_a_bias_of_any_shape_is_added(bias):
    graph = clean(f"(float[2,16] x, float[16,8] w, {bias}) => (float[2,8] y) {{ y = Gemm(x, w, b) }}")
    model = emitted(graph)
    assert operators(model).count("Add") == (bias != "float[8] b")
    assert worst_db(graph, model) > 30


@pytest.mark.parametrize("family", ["dynamic-int8", "weight-int8"])
@pytest.mark.parametrize("shape", ["16", "2,16", "2,3,4,16"])
def test_rows_may_stand_in_any_shape_and_be_zero(family, shape):
    graph = clean(f"(float[{shape}] x, float[16,8] w) => (float[] y) {{ y = MatMul(x, w) }}")
    model = families.emit(family, graph, {}, "minmax")
    assert worst_db(graph, model) > 35
    zero = {"x": np.zeros(graph.shapes["x"], np.float32)}
    np.testing.assert_array_equal(run(model, zero)["y"], run(graph.model, zero)["y"])


def test_a_layer_that_the_guard_returns_is_the_float_layer():
    graph = cleaned(recurrent("LSTM"))
    lstm = next(node.name for node in graph.nodes if node.op_type == "LSTM")
    everything = [node.name for node in families.returnable_layers("dynamic-int8", graph)]
    assert "LSTM" in operators(emitted(graph, [lstm]))
    assert worst_db(graph, emitted(graph, everything)) > 120


@pytest.mark.skipif(bool(host_config().entries), reason="the sums of this machine's own kernels saturate")
def test_without_vnni_the_sums_are_the_same():
    for graph in (cleaned(recurrent("LSTM")), cleaned(encoder(layers=1))):
        model = emitted(graph)
        for sample in draw(graph, 2):
            exact = run(model, sample, AS_WITHOUT_VNNI)["y"]
            np.testing.assert_allclose(exact, run(model, sample, {})["y"], rtol=1e-4, atol=1e-5)


def test_convolutions_stay_in_float_with_weights_stored_in_int8():
    text = """(float[1,8,12] x, float[16,8,3] w, float[16] b, float[16,4] m) => (float[1,12,4] y)
        { c = Conv<pads=[1,1]>(x, w, b)  t = Transpose<perm=[0,2,1]>(c)  y = MatMul(t, m) }"""
    graph = clean(text)
    model = emitted(graph)
    assert {"Conv", "MatMulIntegerToFloat"} <= set(operators(model))
    assert worst_db(graph, model) > 30
    assert families.why_float("dynamic-int8", graph, {})["Conv_0"] == families.FLOAT_CONVOLUTION
