from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge_sdk.quantize.emit import FORMS, SHIELD, Calibration, choose_quants, emit_int8
from edge_sdk.quantize.families import place
from edge_sdk.session import save_plan
from tests.quantize.fake_quant import convolve, rounded, rounded_weights, steps_of
from tests.quantize.models import AS_WRITTEN, BLOCK, calibrated, clean, quantized, run, samples

LAYERS = {
    "conv": (
        "(float[1,8,9,9] x, float[16,8,3,3] w, float[16] b) => (float[] y) { y = Conv<pads=[1,1,1,1]>(x, w, b) }",
        {"pad": 1},
    ),
    "conv without bias": ("(float[1,8,9,9] x, float[16,8,3,3] w) => (float[] y) { y = Conv(x, w) }", {}),
    "depthwise": (
        "(float[1,8,9,9] x, float[8,1,3,3] w, float[8] b) => (float[] y) { y = Conv<group=8>(x, w, b) }",
        {"group": 8},
    ),
    "grouped": (
        "(float[1,8,9,9] x, float[6,4,3,3] w, float[6] b) => (float[] y) { y = Conv<group=2>(x, w, b) }",
        {"group": 2},
    ),
    "one axis": ("(float[1,8,20] x, float[16,8,3] w, float[16] b) => (float[] y) { y = Conv(x, w, b) }", {}),
    "three axes": ("(float[2,4,5,5,5] x, float[6,4,2,2,2] w, float[6] b) => (float[] y) { y = Conv(x, w, b) }", {}),
}
PRODUCTS = {
    "gemm": ("(float[5,12] x, float[12,7] w, float[7] b) => (float[] y) { y = Gemm(x, w, b) }", 1),
    "gemm transposed": ("(float[5,12] x, float[7,12] w, float[7] b) => (float[] y) { y = Gemm<transB=1>(x, w, b) }", 0),
    "gemm with a bias of two axes": (
        "(float[5,12] x, float[12,7] w, float[1,7] b) => (float[] y) { y = Gemm(x, w, b) }",
        1,
    ),
    "gemm without bias": ("(float[5,12] x, float[12,7] w) => (float[] y) { y = Gemm(x, w) }", 1),
    "product": ("(float[2,5,12] x, float[12,7] w) => (float[] y) { y = MatMul(x, w) }", 1),
}
CHAIN = (
    "(float[1,8,16,16] x, float[16,8,3,3] w, float[16] b, float[8,16,3,3] w2, float[8] b2, float[8,8,1,1] w3) => "
    "({outputs}) {{ a = Conv(x, w, b) r = Relu(a) {between} c = Conv({source}, w2, b2) d = Relu(c) y = Conv(d, w3) }}"
)
CHAINS = {
    "straight": (CHAIN.format(outputs="float[] y", between="", source="r"), "Conv_2"),
    "an output of the model": (CHAIN.format(outputs="float[] y, float[] r", between="", source="r"), "Conv_2"),
    "behind a max pool": (
        CHAIN.format(outputs="float[] y", between="m = MaxPool<kernel_shape=[2,2]>(r)", source="m"),
        "Conv_3",
    ),
}


def inputs_of(graph):
    """Return the values of the input over all calibration samples."""
    return np.stack([sample["x"] for sample in samples(graph)])


def corrected(bias, error_sum, inputs):
    """Return a bias less the shift of the mean: error [outputs, inputs], inputs [..., inputs]."""
    return bias - error_sum @ inputs.reshape(-1, inputs.shape[-1]).mean(axis=0, dtype=np.float64)


def emitted(graph, family="arm-int8", *, excluded=(), means=True):
    placement = place(family, graph, excluded)
    form = FORMS[family]
    calibration = choose_quants(placement, calibrated(graph, family), "mse", symmetric=form.symmetric)
    if not means:
        calibration = Calibration(calibration.quants, {})
    return emit_int8(graph, placement, calibration, form)


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@pytest.mark.parametrize("name", LAYERS)
def test_a_convolution_computes_what_fake_quantization_in_numpy_does(name):
    text, options = LAYERS[name]
    graph = clean(text)
    weight, x = graph.constants["w"], inputs_of(graph)
    group, held = options.get("group", 1), rounded_weights(weight, 0)
    means = np.moveaxis(x, 2, -1).mean(axis=tuple(range(x.ndim - 1)), dtype=np.float64).reshape(group, -1)
    shift = ((held - weight).reshape(*weight.shape[:2], -1).sum(-1) * means.repeat(len(weight) // group, axis=0)).sum(1)
    bias = graph.constants.get("b", np.zeros(len(weight))) - shift
    results = np.stack([run(graph.model, {"x": sample})["y"] for sample in x])
    expected = rounded(convolve(rounded(x[0], *steps_of(x)), held, bias, **options), *steps_of(results))
    got = run(quantized(graph, method="minmax"), {"x": x[0]}, AS_WRITTEN)["y"]
    assert np.abs(got - expected).max() <= 1.001 * steps_of(results)[0]  # a tie may be rounded either way
    assert np.isclose(got, expected, atol=1e-5).mean() > 0.99


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_matrix_product_computes_what_fake_quantization_in_numpy_does(name):
    text, axis = PRODUCTS[name]
    graph = clean(text)
    weight, x = graph.constants["w"], inputs_of(graph)
    held = rounded_weights(weight, axis)
    error = (held - weight).T if axis else held - weight
    bias = corrected(graph.constants.get("b", np.zeros(7)).ravel(), error, x) if name != "product" else 0.0
    expected = rounded(x[0], *steps_of(x)) @ (held if axis else held.T) + bias
    got = run(quantized(graph, method="minmax"), {"x": x[0]}, AS_WRITTEN)["y"]
    np.testing.assert_allclose(got, expected, atol=3e-4)  # half a step of an int32 bias


def test_the_bias_takes_back_the_shift_of_the_mean():
    text = f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) {{ r = Relu(x) a = Conv(r, w, b) y = Conv(a, w2, b2) }}"
    graph = clean(text)
    feed = samples(graph)

    def shift(model):
        return np.mean([run(model, s, AS_WRITTEN)["y"] - run(graph.model, s)["y"] for s in feed], axis=(0, 1, 3, 4))

    without, corrected_shift = shift(emitted(graph, means=False)), shift(emitted(graph))
    assert np.abs(corrected_shift).max() < 0.3 * np.abs(without).max()


@pytest.mark.parametrize("name", CHAINS)
def test_a_layer_returned_to_float_keeps_its_weights_and_its_exact_result(tmp_path, name):
    text, layer = CHAINS[name]
    graph = clean(text)
    plan, node = planned(emitted(graph, excluded=[layer]), layer, tmp_path)
    assert node.op_type in {"Conv", "FusedConv"}
    np.testing.assert_array_equal(constants(plan)[node.input[1]], graph.constants["w2"])
    source, result = tapped(plan, node, samples(graph)[0])
    exact = convolve(source, graph.constants["w2"], graph.constants["b2"])
    np.testing.assert_allclose(result, np.maximum(exact, 0) if node.op_type == "FusedConv" else exact, atol=1e-5)


@pytest.mark.parametrize("name", CHAINS)
def test_without_its_shield_onnxruntime_would_quantize_that_layer_by_itself(tmp_path, name):
    text, layer = CHAINS[name]
    plan, node = planned(unshielded(emitted(clean(text), excluded=[layer]), layer), layer, tmp_path)
    assert node.op_type == "QLinearConv"
    assert constants(plan)[node.input[4]].size == 1, "one scale for all channels"


def test_a_product_of_two_results_returned_to_float_needs_the_shield_too(tmp_path):
    text = (
        "(float[1,6,16] x, float[16,16] w, float[6,4] w2, float[16,5] w3, float[6,3] w4) => "
        "(float[] y, float[] z, float[] v) { a = MatMul(x, w) t = Transpose<perm=[0,2,1]>(a) s = MatMul(a, t) "
        "y = MatMul(s, w2) z = MatMul(a, w3) v = MatMul(t, w4) }"
    )
    model = emitted(clean(text), excluded=["MatMul_2"])
    assert planned(model, "MatMul_2", tmp_path)[1].op_type == "MatMul"
    assert planned(unshielded(model, "MatMul_2"), "MatMul_2", tmp_path)[1].op_type == "QLinearMatMul"


@pytest.mark.parametrize("family", FORMS)
def test_a_family_stores_its_integers_in_its_own_form(family):
    text = (
        "(float[1,16,16,16] x, float[16,16,3,3] w, float[16] b, float[16,16,3,3] w2) => (float[] y) "
        "{ a = Conv(x, w, b) r = Relu(a) y = Conv(r, w2) }"
    )
    model = emitted(clean(text), family)
    held = constants(model)
    pairs = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    zeros = [held[node.input[2]] for node in pairs]
    assert {zero.dtype.name for zero in zeros} == {FORMS[family].activations}
    assert all(zero == 0 for zero in zeros) == FORMS[family].symmetric
    assert not [values for values in held.values() if values.dtype == np.int32]
    assert sum(values.dtype == np.int8 and values.ndim == 4 for values in held.values()) == 2


def test_only_a_gemm_of_a_cpu_family_has_a_bias_of_int32():
    text = "(float[5,32] x, float[32,32] w, float[32] b) => (float[] y) { y = Gemm(x, w, b) }"
    kinds = {family: {v.dtype.name for v in constants(emitted(clean(text), family)).values()} for family in FORMS}
    assert {family for family, names in kinds.items() if "int32" in names} == {"arm-int8", "x86-int8"}


def test_float_weights_that_nobody_reads_any_more_are_not_kept():
    text = "(float[1,8,9,9] x, float[64,8,3,3] w, float[8,64,3,3] w2) => (float[] y) { a = Conv(x, w) y = Conv(a, w2) }"
    graph = clean(text)
    model = emitted(graph)
    assert max(v.size for v in constants(model).values() if v.dtype == np.float32) == 64
    assert model.ByteSize() < 0.35 * graph.model.ByteSize()


def test_weights_that_a_float_operator_reads_too_are_kept_in_float():
    text = (
        "(float[1,8,9,9] x, float[8,8,3,3] w) => (float[] y, float[] z) "
        "{ a = Conv(x, w) y = Conv(a, w) t = Tanh(x) z = ConvTranspose(t, w) }"
    )
    graph = clean(text)
    same = [values for values in constants(emitted(graph)).values() if values.shape == (8, 8, 3, 3)]
    assert sorted(values.dtype.name for values in same) == ["float32", "int8", "int8"]
    sample = samples(graph)[0]
    np.testing.assert_allclose(run(emitted(graph), sample)["z"], run(graph.model, sample)["z"], atol=1e-5)


def test_tensors_have_short_names_and_operators_keep_theirs():
    model = emitted(clean(f"(float[1,8,9,9] x, {BLOCK}) => (float[] y) {{ a = Conv(x, w, b) y = Conv(a, w2, b2) }}"))
    names = {name for node in model.graph.node for name in (*node.input, *node.output)}
    assert all(name in {"x", "y"} or name[1:].isdigit() for name in names)
    assert [node.name for node in model.graph.node if node.name] == ["Conv_0", "Conv_1"]
    assert not model.graph.value_info


@pytest.mark.parametrize("bound", [6.0, 1.0, 0.3, 4.7])
def test_the_range_of_a_clamp_enforces_its_bound(bound):
    body = "a = Conv(x, w, b) r = Clip(a, lo, hi) y = Conv(r, w2, b2)"
    text = f"(float[1,8,16,16] x, {BLOCK}, float lo, float hi) => (float[] y, float[] r) {{ {body} }}"
    model = emitted(clean(text, lo=0, hi=bound))
    assert "Clip" not in [node.op_type for node in model.graph.node]
    result = run(model, {"x": np.full((1, 8, 16, 16), 50, np.float32)})["r"]
    assert result.min() >= 0
    assert result.max() <= np.float32(bound)


def test_tensors_that_hold_the_same_values_share_a_range():
    body = "a = Conv(x, w, b) m = MaxPool<kernel_shape=[2,2]>(a) y = Conv(m, w2, b2)"
    graph = clean(f"(float[1,8,16,16] x, {BLOCK}) => (float[] y) {{ {body} }}")
    calibration = choose_quants(place("arm-int8", graph), calibrated(graph), "mse", symmetric=False)
    assert calibration.quants["m"] == calibration.quants["a"]


def unshielded(model, layer):
    """Return a model without the operator that keeps a layer in float."""
    shield = next(node for node in model.graph.node if node.name.endswith(SHIELD))
    reader = next(node for node in model.graph.node if node.name == layer)
    reader.input[0] = shield.input[0]
    model.graph.node.remove(shield)
    return model


def planned(model, layer, tmp_path):
    """Return the plan as on ARM and its node of a layer."""
    path = tmp_path / "plan.onnx"
    save_plan(model.SerializeToString(), path, where="model")
    plan = onnx.load(path)
    return plan, next(node for node in plan.graph.node if node.name.startswith(layer))


def tapped(plan, node, sample):
    """Return what a node of a plan reads and gives."""
    names = [node.input[0], node.output[0]]
    plan.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    outputs = run(plan, sample)
    return [outputs[name] for name in names]
