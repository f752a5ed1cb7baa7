"""The whole way, from a float model to a package, of recurrent models, transformers and large matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from edge_sdk.errors import InputError
from edge_sdk.package import open_package
from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import QuantRequest, families, plan_of_file, quantize
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.session import config_for, host_config, open_session
from tests.quantize.models import build
from tests.quantize.sequences import STEPS, cleaned, draw, encoder, matrices, recurrent

PI, PI4, HERE = (load_profile(name) for name in ("raspberry-pi-5", "raspberry-pi-4b", "x86-64-vnni"))
STREAM = f"""
    (float[{STEPS},1,16] x, float[2,1,48] x_state, float[1,192,16] w, float[1,192,48] r, float[1,384] b,
     float[48,4] m, int64 zero, int64 one) => (float[1,4] y, float[2,1,48] state)
    {{
      h0 = Gather(x_state, zero)  h1 = Unsqueeze(h0, axes)  c0 = Gather(x_state, one)  c1 = Unsqueeze(c0, axes)
      s, h, c = LSTM<hidden_size=48>(x, w, r, b, , h1, c1)
      q = Squeeze(h, axes)  y = MatMul(q, m)  state = Concat<axis=0>(h, c)
    }}"""


def save(model, folder, count=40):
    """Write a model and random samples for it; return both paths."""
    onnx.save(model, folder / "m.onnx")
    feeds = draw(cleaned(model), count)
    np.savez(folder / "x.npz", **{name: np.stack([feed[name] for feed in feeds]) for name in feeds[0]})
    return folder / "m.onnx", str(folder / "x.npz")


def stream():
    """Return an LSTM whose state goes in and comes out."""
    text = STREAM.replace("int64 one)", "int64 one, int64[1] axes)")
    return build(text, zero=0, one=1, axes=[0])


@pytest.mark.parametrize(
    ("model", "family", "operator"),
    [
        (recurrent("LSTM"), "dynamic-int8", "DynamicQuantizeLSTM"),
        (recurrent("GRU"), "dynamic-int8", "GRU"),
        (encoder(layers=1), "dynamic-int8", "MatMulIntegerToFloat"),
        (stream(), "dynamic-int8", "DynamicQuantizeLSTM"),
    ],
)
def test_a_model_is_made_measured_and_packed_without_calibration(tmp_path, model, family, operator):
    path, data = save(model, tmp_path)
    report = quantize(QuantRequest(path, (PI, HERE), None, evaluation=data, min_agreement=0.9), tmp_path / "m.edge")
    (variant,) = report.variants
    assert (variant.family, variant.ranges, variant.returned) == (family, "", ())
    assert variant.accuracy.agreement >= 0.9
    assert (report.source.calibration_samples, report.source.evaluation_samples) == (0, 40)
    assert all(operator in plan.operators for plan in variant.plans)
    package = open_package(tmp_path / "m.edge")
    told = replace(variant.plans[0], speed=None)  # beside a float model, which a package has not
    assert plan_of_file(tmp_path / "m.edge", PI) == told
    session = open_session(package.model_for(HERE)[1], config_for(HERE, family), where="m")
    assert session.run(draw(cleaned(model), 1)[0]).keys() == {value.name for value in model.graph.output}


def test_the_golden_outputs_of_a_stream_are_reproduced_from_the_package(tmp_path):
    path, data = save(stream(), tmp_path)
    quantize(QuantRequest(path, (PI,), None, evaluation=data), tmp_path / "m.edge")
    package = open_package(tmp_path / "m.edge")
    variant = package.manifest.variants["dynamic-int8"]
    (tmp_path / "golden.npz").write_bytes(package.read(variant.golden))
    golden = Golden(dict(np.load(tmp_path / "golden.npz")), variant.min_snr_db)
    assert golden.arrays["input:x_state"].shape == (2, 2, 1, 48)
    assert worst_snr_db(golden, open_session(package.read(variant.model), host_config(), where="m")) > 60


def test_a_layer_that_8_bits_hurt_returns_to_float(tmp_path):
    model = encoder(layers=1, tokens=8, width=32)
    tensor = next(one for one in model.graph.initializer if one.name == "n0w1")
    weight = onnx.numpy_helper.to_array(tensor).copy()
    weight[5] *= 4000
    tensor.CopyFrom(onnx.numpy_helper.from_array(weight, "n0w1"))
    gain = next(one for one in model.graph.initializer if one.name == "gain")
    dampened = np.ones(32, np.float32)
    dampened[5] = 1 / 4000
    gain.CopyFrom(onnx.numpy_helper.from_array(dampened, "gain"))
    path, data = save(model, tmp_path)
    request = QuantRequest(path, (PI,), None, evaluation=data, min_agreement=0.97, min_integer_share=0.2)
    (variant,) = quantize(request, tmp_path / "m.edge").variants
    assert variant.returned
    assert variant.accuracy.agreement >= 0.97


@pytest.mark.parametrize(("scheme", "most"), [("weight-int8", 0.30), ("weight-int4", 0.17)])
def test_large_matrices_are_stored_in_few_bits_for_each_board(tmp_path, scheme, most):
    path, data = save(matrices(width=512), tmp_path, count=20)
    request = QuantRequest(path, (PI,), None, evaluation=data, scheme=scheme, min_agreement=0.0)
    report = quantize(request, tmp_path / "m.edge")
    (variant,) = report.variants
    assert (variant.family, variant.size_ratio < most) == (scheme, True)
    assert variant.plans[0].integer_share == 1.0
    assert f"raspberry-pi-5: {scheme}, since it was asked for" in report.notes


def test_a_cpu_without_a_kernel_for_blocks_computes_with_them_in_float():
    model = families.emit("weight-int4", cleaned(matrices(width=256)), {}, "minmax")
    plans = [preview_bytes(model, board, "weight-int4", {}) for board in (PI, PI4)]
    assert [plan.integer_share for plan in plans] == [1.0, 0.0]
    why = "its weights are stored in 4 bits; this CPU computes with them in float"
    assert {island.reason for island in plans[1].islands if island.work} == {why}


def test_the_reason_for_a_family_is_told(tmp_path):
    path, data = save(recurrent("LSTM"), tmp_path)
    report = quantize(QuantRequest(path, (PI,), data, min_agreement=0.9), tmp_path / "m.edge")
    reason = "since 100% of the work is in LSTM, whose integer kernel takes ranges of each inference"
    assert f"raspberry-pi-5: dynamic-int8, {reason}" in report.notes


def test_a_file_for_arm_with_an_integer_lstm_gives_what_was_measured_on_any_x86(tmp_path):
    path, data = save(stream(), tmp_path)
    report = quantize(QuantRequest(path, (PI,), data, min_agreement=0.9, scheme="static"), tmp_path / "m.edge")
    (variant,) = report.variants
    assert (variant.family, variant.returned) == ("arm-int8", ())
    assert variant.plans[0].operators["DynamicQuantizeLSTM"] == 1


def test_ranges_need_samples_to_calibrate_with(tmp_path):
    path, data = save(recurrent("LSTM"), tmp_path)
    request = QuantRequest(path, (PI,), None, evaluation=data)
    with pytest.raises(InputError, match=r"^calibration: expected samples for the ranges of arm-int8, got none"):
        quantize(replace(request, scheme="static"), tmp_path / "m.edge")
    with pytest.raises(InputError, match=r"^calibration: expected samples, got none"):
        replace(request, evaluation=None)


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    path, data = save(encoder(layers=1), tmp_path)
    digests = set()
    for name in ("a.edge", "b.edge"):
        quantize(QuantRequest(path, (PI,), None, evaluation=data, min_agreement=0.0), tmp_path / name)
        digests.add(open_package(tmp_path / name).digest)
    assert len(digests) == 1
