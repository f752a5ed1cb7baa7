from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.profiles import load_profile
from edge_sdk.quantize import families
from edge_sdk.quantize.preview import preview_bytes, preview_plan
from tests.quantize.models import BLOCK, PI, as_it_is, clean, load_cases, quantized, text_of

FOREIGN = load_cases("foreign")
ORIN = load_profile("jetson-orin-nano")
OVERHEAD = {"Transpose", "QuantizeLinear", "DequantizeLinear"}
WIDE = (
    "(float[1,3,16,16] x, float[32,3,3,3] w, float[32] b, float[32,32,3,3] w2, float[32,10] w3) => (float[] y) "
    "{ a = Conv(x, w, b) r = Relu(a) c = Conv(r, w2) g = GlobalAveragePool(c) f = Flatten(g) y = Gemm(f, w3) }"
)


def renamed(model, names):
    for node in model.graph.node:
        node.name = names.get(node.name, node.name)
    return model


@pytest.mark.parametrize("name", FOREIGN)
def test_a_quantized_model_of_others_has_the_plan_of_its_case(name):
    case = FOREIGN[name]
    plan = preview_plan(as_it_is(text_of(case), **case["values"]), PI, "as it is", {})
    assert {op: count for op, count in plan.operators.items() if op not in OVERHEAD} == case["plan"]
    assert {island.name: island.reason for island in plan.islands} == case["islands"]
    assert plan.integer_share == pytest.approx(case["share"], abs=0.001)


def test_the_work_of_a_float_model_is_all_in_islands():
    plan = preview_plan(clean(WIDE).model, PI, "fp32", {})
    assert (plan.integer_share, plan.pairs) == (0.0, 0)
    assert sum(island.work for island in plan.islands) == pytest.approx(1.0)
    assert plan.macs == 14 * 14 * 32 * 27 + 12 * 12 * 32 * 288 + 320


def test_a_float_product_that_onnxruntime_fuses_keeps_its_name_and_work():
    text = "(float[1,16] x, float[16,8] w, float[8,4] w2) => (float[] y) { a = Gemm(x, w) r = Relu(a) y = Gemm(r, w2) }"
    islands = preview_plan(clean(text).model, PI, "fp32", {}).islands
    assert [(island.name, island.op) for island in islands] == [("Gemm_0", "FusedGemm"), ("Gemm_2", "Gemm")]
    assert islands[0].work == pytest.approx(16 * 8 / (16 * 8 + 8 * 4))


@pytest.mark.parametrize("ending", ["_quant", "_token_1", "_nchwc", "_token_2_quant"])
def test_an_operator_whose_name_ends_as_onnxruntime_would_end_it_keeps_its_work(ending):
    graph = clean(WIDE)
    names = {"Conv_0": f"layer{ending}", "Conv_2": "layer"}
    model = quantized(type(graph)(renamed(graph.model, names)))
    plan = preview_bytes(model, PI, "arm-int8", {})
    assert (plan.integer_share, plan.islands) == (1.0, ())


def test_reasons_that_are_known_are_told():
    graph = clean(WIDE)
    plan = preview_bytes(quantized(graph, excluded=["Conv_2"]), PI, "arm-int8", {"Conv_2": "too sensitive"})
    assert [(island.name, island.reason) for island in plan.islands if island.work] == [("Conv_2", "too sensitive")]
    assert plan.integer_share == pytest.approx(1 - plan.islands[0].work)


def test_an_island_inside_is_told_from_one_at_the_end():
    body = "a = Conv(x, w, b) t = Tanh(a) y = Conv(t, w2, b2) z = Softmax(y)"
    graph = clean(f"(float[1,8,16,16] x, {BLOCK}) => (float[] z) {{ {body} }}")
    plan = preview_bytes(quantized(graph), PI, "arm-int8", {})
    assert {island.name: island.inside for island in plan.islands} == {"Tanh_1": True, "Softmax_3": False}


def test_what_moves_values_is_an_island_only_in_float():
    pool = "MaxPool<kernel_shape=[2,2]>"
    body = f"a = Conv(x, w, b) m = {pool}(a) y = Conv(m, w2, b2) t = Tanh(y) z = {pool}(t)"
    graph = clean(f"(float[1,8,16,16] x, {BLOCK}) => (float[] z) {{ {body} }}")
    plan = preview_bytes(quantized(graph), PI, "arm-int8", {})
    assert [island.name for island in plan.islands] == ["Tanh_3", "MaxPool_4"]


def test_operators_on_whole_numbers_are_no_islands():
    text = f"(float[1,8,16,16] x, {BLOCK}) => (float[] y, int64[] z) {{ y = Conv(x, w, b) z = ArgMax<axis=1>(y) }}"
    plan = preview_bytes(quantized(clean(text)), PI, "arm-int8", {})
    assert plan.islands == ()


def test_a_model_without_layers_has_no_share():
    plan = preview_plan(clean("(float[1,4] x) => (float[] y) { y = Tanh(x) }").model, PI, "fp32", {})
    assert (plan.macs, plan.integer_share) == (0, 0.0)


def test_the_session_entries_of_the_board_take_part():
    as_written = replace(PI, session={"session.disable_quant_qdq": "1"})
    assert preview_bytes(quantized(clean(WIDE)), as_written, "arm-int8", {}).integer_share == 0.0


def test_tensorrt_takes_layers_whose_input_and_weights_are_quantized():
    plan = preview_bytes(quantized(clean(WIDE), "tensorrt-int8"), ORIN, "tensorrt-int8", {})
    assert plan.method == "by the rules of TensorRT's explicit quantization; TensorRT was not run"
    assert {island.name: island.reason for island in plan.islands} == {
        "Conv_0": "stem with 3 input channels: TensorRT has no int8 kernel",
        "Gemm_5": "matrix-vector product: memory-bound, no tensor core",
    }
    assert plan.integer_share == pytest.approx(1 - sum(island.work for island in plan.islands))
    assert (plan.findings, plan.half_share) == ((), 0.0)


def test_work_that_is_never_quantized_for_tensorrt_is_told():
    text = (
        "(float[1,32,8,8] x, float[32,32,3,3] w, float[32,32,2,2] w2) => (float[] y) "
        "{ a = Conv(x, w) y = ConvTranspose(a, w2) }"
    )
    plan = preview_bytes(quantized(clean(text), "tensorrt-int8"), ORIN, "tensorrt-int8", {})
    assert [island.reason for island in plan.islands] == ["ConvTranspose is not quantized for TensorRT"]
    assert plan.integer_share == pytest.approx(1 - plan.islands[0].work)


def test_what_tensorrt_refuses_is_told():
    plan = preview_bytes(quantized(clean(WIDE), "arm-int8"), ORIN, "arm-int8", {})
    assert {finding.rule for finding in plan.found("refused")} == {"zero-point", "float-bias", "stem"}
    x86 = preview_bytes(quantized(clean(WIDE), "x86-int8"), ORIN, "x86-int8", {})
    assert {finding.rule for finding in x86.found("refused")} > {"zero-point", "signed-steps"}


def test_in_a_float16_file_only_what_is_in_float32_is_told():
    graph = clean(WIDE)
    model = families.emit("fp16", graph, {}, "mse", ["Conv_2"])
    plan = preview_bytes(model, ORIN, "fp16", {"Conv_2": "too large"})
    assert [(island.name, island.reason) for island in plan.islands] == [("Conv_2", "too large")]
    assert (plan.integer_share, plan.findings) == (0.0, ())
    assert plan.half_share == pytest.approx(1 - plan.islands[0].work)


def test_in_a_typed_int8_file_the_rest_is_float16():
    plan = preview_bytes(quantized(clean(WIDE), "tensorrt-int8-typed"), ORIN, "tensorrt-int8-typed", {})
    assert plan.integer_share + plan.half_share == pytest.approx(1)
    assert plan.findings == ()


def test_a_layer_that_was_left_in_float_for_tensorrt_without_need_is_told():
    plan = preview_plan(clean(WIDE).model, ORIN, "fp32", {})
    told = {island.name: island.reason for island in plan.islands}
    assert told["Conv_2"] == "its input or weights are not quantized"
    assert np.isclose(sum(island.work for island in plan.islands), 1)
