from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_sdk.quantize import families
from edge_sdk.quantize.graph import weighted_layers
from edge_sdk.tensors import snr_db
from tests.quantize.models import AS_ON_ARM, AS_WRITTEN, calibrated, clean, quantized, run, samples

NET = clean("""
    (float[1,16,12,12] x, float[32,16,3,3] w, float[32] b, float[16,32,3,3] w2, float[16,16,1,1] w3, float[16,1,3,3] w4,
     float[16,10] w5, float[10] b5) => (float[] y, float[] s)
    {
      a = Conv<pads=[1,1,1,1]>(x, w, b)  r = Relu(a)  c = Conv<pads=[1,1,1,1]>(r, w2)
      d = Conv(x, w3)  s = Add(c, d)  t = Relu(s)
      e = Conv<group=16>(t, w4)  f = MaxPool<kernel_shape=[2,2]>(e)
      g = Conv(f, w3)  h = Sigmoid(g)  i = Mul(g, h)
      j = GlobalAveragePool(i)  k = Flatten(j)  y = Gemm(k, w5, b5)
    }""")
LAYERS = [node.name for node in weighted_layers(NET)]
SAMPLE = samples(NET)[0]
FLOAT = run(NET.model, SAMPLE)
STATISTICS = {family: calibrated(NET, family) for family in ("arm-int8", "tensorrt-int8", "tensorrt-int8-typed")}
TENSORRT = ("tensorrt-int8", "tensorrt-int8-typed")


def worst_snr_db(outputs):
    return min(snr_db(values, outputs[name]) for name, values in FLOAT.items())


def test_fp32_is_the_float_model():
    assert families.emit("fp32", NET, {}, "mse") == NET.model.SerializeToString()


@pytest.mark.parametrize("family", STATISTICS)
@settings(max_examples=15)
@given(excluded=st.sets(st.sampled_from(LAYERS)))
def test_whatever_the_guard_returns_was_calibrated_and_stays_near_the_float_model(family, excluded):
    model = families.emit(family, NET, STATISTICS[family], "mse", sorted(excluded))
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    outputs = run(model, SAMPLE, AS_WRITTEN if family in TENSORRT else AS_ON_ARM)
    assert worst_snr_db(outputs) > 25


@pytest.mark.parametrize("family", ["arm-int8", "x86-int8", *TENSORRT, "fp16"])
def test_with_all_layers_in_float_a_variant_is_the_float_model(family):
    model = families.emit(family, NET, STATISTICS.get(family, {}), "mse", LAYERS)
    assert worst_snr_db(run(model, SAMPLE)) > (60 if families.in_half(family) else 120)


def test_families_of_one_form_need_the_same_tensors():
    together = families.tensors_to_calibrate(["arm-int8", "x86-int8", "fp32"], NET)
    assert together == families.tensors_to_calibrate(["arm-int8"], NET)
    assert families.tensors_to_calibrate(["fp32"], NET) == ()


def test_float16_needs_the_tensors_that_may_grow():
    wanted = families.tensors_to_calibrate(["fp16"], NET)
    assert wanted == ("x", "a", "c", "d", "s", "e", "g", "i", "y")
    assert set(wanted) < set(families.tensors_to_calibrate(["tensorrt-int8-typed"], NET))


def test_both_sides_of_a_sum_are_calibrated_for_tensorrt():
    assert {"c", "d"} <= set(families.tensors_to_calibrate(["tensorrt-int8"], NET))


@pytest.mark.parametrize(
    ("machine", "family", "measured"),
    [
        ("x86_64", "arm-int8", "x86-int8"),
        ("aarch64", "arm-int8", "arm-int8"),
        ("aarch64", "x86-int8", "arm-int8"),
        ("x86_64", "x86-int8", "x86-int8"),
        ("x86_64", "tensorrt-int8", "tensorrt-int8"),
        ("aarch64", "fp16", "fp16"),
    ],
)
def test_a_family_is_measured_as_the_one_that_is_fast_here(monkeypatch, machine, family, measured):
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert families.measured_as(family) == measured


@pytest.mark.parametrize("family", TENSORRT)
def test_tensorrt_is_measured_as_written(family):
    model = quantized(NET, family)
    measured = families.open_measured(family, model).run(SAMPLE)
    np.testing.assert_array_equal(measured["y"], run(model, SAMPLE, AS_WRITTEN)["y"])


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_each_way_to_choose_a_range_gives_a_model_near_the_float_one(method):
    model = quantized(NET, method=method)
    assert worst_snr_db(run(model, SAMPLE)) > 20


def test_the_same_inputs_give_the_same_bytes():
    assert quantized(NET) == quantized(NET)


def test_an_lstm_behind_convolutions_is_in_integers_until_the_guard_returns_it():
    graph = clean("""
        (float[1,32,24] x, float[64,32,3] w, float[1,128,64] lw, float[1,128,32] lr, float[32,4] m) => (float[] y)
        { c = Conv<strides=[2]>(x, w)  r = Relu(c)  t = Transpose<perm=[2,0,1]>(r)
          s, h = LSTM<hidden_size=32>(t, lw, lr)  q = Squeeze(h)  y = MatMul(q, m) }""")
    (lstm,) = [node.name for node in graph.nodes if node.op_type == "LSTM"]
    assert lstm in [node.name for node in families.returnable_layers("arm-int8", graph)]
    for excluded, operator in (([], "DynamicQuantizeLSTM"), ([lstm], "LSTM")):
        model = quantized(graph, excluded=excluded)
        assert operator in [node.op_type for node in onnx.load_from_string(model).graph.node]
        sample = samples(graph)[0]
        assert snr_db(run(graph.model, sample)["y"], run(model, sample)["y"]) > 20
