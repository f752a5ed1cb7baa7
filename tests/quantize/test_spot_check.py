"""This machine's integer kernels are tried on the layers of the model that is measured."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edge_sdk.quantize import families
from edge_sdk.quantize.spot_check import make_probes, spot_check
from edge_sdk.session import host_config, save_plan
from tests.quantize.models import clean, quantized, samples

PARTS = {
    "Conv 3x3": ("float[16,8,3,3] w, float[16] b", "c = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w, b)"),
    "Conv 3x3 depthwise": ("float[16,1,3,3] w2, float[16] b2", "d = Conv<pads=[1,1,1,1], group=16>(c, w2, b2)"),
    "Conv 1x1": ("float[32,16,1,1] w3, float[32] b3", "e = Conv(d, w3, b3)"),
    "Conv 3x3 grouped": ("float[32,8,3,3] w4, float[32] b4", "f = Conv<pads=[1,1,1,1], group=4>(e, w4, b4)"),
    "Gemm": ("float[32,10] w5, float[10] b5", "g = GlobalAveragePool(f) h = Flatten(g) y = Gemm(h, w5, b5)"),
}
NETWORK = (
    f"(float[1,8,40,40] x, {', '.join(part[0] for part in PARTS.values())}) => (float[1,10] y) "
    f"{{ {' '.join(part[1] for part in PARTS.values())} }}"
)


@pytest.fixture(scope="module")
def graph():
    return clean(NETWORK)


def test_a_layer_of_each_kind_is_met_to_the_nearest_step(graph):
    checks = spot_check(quantized(graph, "x86-int8"), samples(graph, 1)[0], host_config(), where="x86-int8")
    assert {check.kind for check in checks} == set(PARTS)
    assert all(check.worst_steps <= 0.51 and check.results for check in checks)


def test_what_is_tried_runs_in_integers_and_reaches_far(graph, tmp_path):
    probes = list(make_probes(quantized(graph, "x86-int8"), samples(graph, 1)[0], host_config(), where="m"))
    assert len(probes) == 2 * len(PARTS)
    for real, largest in zip(probes[::2], probes[1::2], strict=True):
        assert np.abs(largest.exact).max() > np.abs(real.exact).max()
        save_plan(real.model, tmp_path / "plan.onnx", where="probe")
        operators = {node.op_type for node in onnx.load(tmp_path / "plan.onnx").graph.node}
        assert operators & {"QLinearConv", "QGemm", "QLinearMatMul"} and not operators & {"Conv", "Gemm", "MatMul"}


def test_a_saturated_sum_is_many_steps_away(graph):
    probe = list(make_probes(quantized(graph, "x86-int8"), samples(graph, 1)[0], host_config(), where="m"))[1]
    assert probe.worst_steps(np.rint(probe.exact / probe.step) * probe.step) <= 0.5
    assert probe.worst_steps(np.clip(probe.exact, None, probe.exact.max() / 2)) > 50


def test_products_with_ranges_of_each_inference_are_tried_too():
    graph = clean("(float[4,64] x, float[64,32] w, float[32] b) => (float[4,32] y) { y = Gemm(x, w, b) }")
    model = families.emit("dynamic-int8", graph, {}, "minmax")
    (check,) = spot_check(model, samples(graph, 1)[0], host_config(), where="dynamic-int8")
    assert (check.kind, check.results) == ("MatMulIntegerToFloat", 2 * 4 * 32)
    assert check.worst_steps < 0.01


def test_a_model_without_integers_has_nothing_to_check(graph):
    model = graph.model.SerializeToString()
    assert spot_check(model, samples(graph, 1)[0], host_config(), where="m") == ()
