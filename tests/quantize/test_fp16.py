from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.fp16 import emit_fp16, growing_tensors, stay_float32
from edge_sdk.quantize.placement import RETURNED
from edge_sdk.tensors import snr_db
from tests.quantize.models import BLOCK, clean, run, samples

NET = (
    f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) {{ a = Conv(x, w, b) r = Relu(a) c = Conv(r, w2, b2) y = Tanh(c) }}"
)


def seen_of(graph, *, gain=1.0):
    inputs = [{name: values * np.float32(gain) for name, values in sample.items()} for sample in samples(graph)]
    return collect(graph, growing_tensors(graph), lambda: inputs)


def test_an_ordinary_network_is_all_in_float16():
    graph = clean(NET)
    assert stay_float32(graph, seen_of(graph)) == {}


def test_what_makes_and_reads_a_value_beyond_float16_stays_in_float32():
    graph = clean(NET)
    reasons = stay_float32(graph, seen_of(graph, gain=9000))
    assert list(reasons) == ["Conv_0", "Relu_1", "Conv_2", "Tanh_3"]
    assert reasons["Conv_0"].startswith("x reaches 3")
    assert reasons["Conv_2"].endswith("too near to float16's greatest of 65504")


def test_a_file_with_values_beyond_float16_gives_the_numbers_of_the_float_model():
    graph = clean(NET)
    sample = {"x": samples(graph)[0]["x"] * np.float32(30000)}
    expected = run(graph.model, sample)["y"]
    broken, kept = (
        run(emit_fp16(graph, single), sample)["y"] for single in ((), stay_float32(graph, seen_of(graph, gain=30000)))
    )
    assert snr_db(expected, kept) > 60 > snr_db(expected, broken)


def test_a_tensor_below_the_full_float16_stays_in_float32():
    graph = clean(NET)
    reasons = stay_float32(graph, seen_of(graph, gain=1e-5))
    assert reasons["Conv_0"].startswith("x stays below ")


def test_a_constant_beyond_float16_keeps_its_operator_in_float32():
    graph = clean(NET, b2=np.full(8, 1e6))
    assert stay_float32(graph, {}) == {"Conv_2": "its constant of 1e+06 is beyond float16's greatest of 65504"}


def test_an_epsilon_that_float16_loses_keeps_what_divides_by_it_in_float32():
    text = (
        "(float[1,8] x, float e) => (float[] y) { q = Mul(x, x) m = Add(q, e) r = Sqrt(m) d = Div(x, r) y = Tanh(d) }"
    )
    graph = clean(text, e=1e-10)
    reasons = stay_float32(graph, {})
    assert list(reasons) == ["Add_1", "Sqrt_2", "Div_3"]
    zero = {"x": np.zeros((1, 8), np.float32)}
    assert np.isfinite(run(emit_fp16(graph, reasons), zero)["y"]).all()
    assert not np.isfinite(run(emit_fp16(graph), zero)["y"]).all()


def test_what_the_guard_returned_and_what_onnx_lacks_is_told():
    text = f"(float[1,8,16,16] x, {BLOCK}) => (float[] y, float[] z) {{ y = Conv(x, w, b) z = RandomNormalLike(y) }}"
    assert stay_float32(clean(text), {}, ["Conv_0"]) == {
        "Conv_0": RETURNED,
        "RandomNormalLike_1": "ONNX has no RandomNormalLike in float16 here",
    }


@pytest.mark.parametrize("gain", [1.0, 9000.0])
def test_the_family_tells_and_does_the_same(gain):
    graph = clean(NET)
    statistics = seen_of(graph, gain=gain)
    told = families.why_float("fp16", graph, statistics)
    assert families.emit("fp16", graph, statistics, "mse") == emit_fp16(graph, told).SerializeToString()
