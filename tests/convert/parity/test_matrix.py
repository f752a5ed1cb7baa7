from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_sdk import records
from edge_sdk.convert.engines import ENGINES, Engine
from edge_sdk.convert.parity import ParityRequest, Tolerance, compare_engines, require_engines_agree
from edge_sdk.errors import GateError, InputError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from tests.quantize.cards import build_classifier, save, write_cards

BROKEN = Path(__file__).with_name("broken_engine")
NET = """(float[1,2,9,9] x) => (float[1,3,18,18] y) <
  float[3,2,3,3] w = {%s}, float s = {0.0437}, int8 z = {3}, float[4] scales = {1, 1, 2, 2}> {
    a = Round(x)
    b = Conv<kernel_shape = [3, 3], pads = [1, 1, 0, 0], strides = [1, 1]>(a, w)
    c = LeakyRelu<alpha = 0.3>(b)
    d = AveragePool<kernel_shape = [2, 2], pads = [0, 0, 1, 1], strides = [1, 1]>(c)
    e = Resize<mode = "linear">(d, , scales)
    q = QuantizeLinear(e, s, z)
    y = DequantizeLinear(q, s, z)
}"""


def build(text, path, opset=13):
    weights = ", ".join(f"{0.1 * (i % 7) - 0.25:.2f}" for i in range(54))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> m {text % weights if "%s" in text else text}'
    )
    for i, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{i}"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    halves = np.random.default_rng(1).integers(-40, 40, (2, 1, 2, 9, 9)).astype(np.float32) / 2
    np.savez(folder / "halves.npz", x=halves)
    return build(NET, folder / "m.onnx")


def ask(model, *engines, **others):
    table = {**ENGINES, **{name: Engine(str(BROKEN), "onnx", "", mode=name, own=True) for name in engines}}
    return compare_engines(ParityRequest(model, engines, table=table, **others))


def test_engines_that_are_right_agree_and_the_same_gives_the_same_record(net):
    table = ("reference", "onnxruntime", "onnxruntime-plain", "onnxruntime-arm-plan")
    report = compare_engines(ParityRequest(net, table, tolerance=Tolerance(relative=0.02)))
    require_engines_agree(report)
    assert [(row.engine, row.outcome) for row in report.rows] == [(name, "ran") for name in table]
    assert report.rows[0].outputs[0].snr_db == 200
    assert report.rows[1].versions.keys() == {"onnxruntime"}
    again = compare_engines(ParityRequest(net, table, tolerance=Tolerance(relative=0.02)))
    assert records.to_json(again) == records.to_json(report)


@pytest.mark.parametrize("operator", ["Round", "Conv", "LeakyRelu", "AveragePool", "Resize", "QuantizeLinear"])
def test_a_broken_operator_is_found_and_named(net, operator):
    report = ask(net, operator, inputs=str(net.with_name("halves.npz")))
    (row,) = report.rows
    assert row.layers.first.op == operator
    assert len(row.layers.each) == 7
    with pytest.raises(GateError, match=rf"^{operator}: y: .*; first at {operator} {operator.lower()}_\d \(.*gives "):
        require_engines_agree(report)


def test_where_an_engine_takes_few_outputs_the_operator_is_found_by_halves(net):
    (row,) = ask(net, "only its own outputs").rows
    assert (row.layers.first.op, row.layers.first.attributes) == (
        "Conv",
        "kernel_shape=[3, 3] pads=[1, 1, 0, 0] strides=[1, 1]",
    )
    assert row.layers.graph == "one intermediate tensor is an output, with the model's own"
    assert row.layers.each == ()


def test_what_an_engine_cannot_do_is_a_row_and_not_the_end(net):
    report = ask(net, "refuse", "crash", "hang", limit_s=4.0)
    assert [row.outcome for row in report.rows] == ["refused", "crashed", "late"]
    assert report.rows[0].reason == "NotImplementedError: no such operator: Conv"
    assert report.rows[1].reason == "crashed: SIGILL"
    assert report.rows[2].reason == "no answer within 4 s"
    require_engines_agree(report)


def test_an_engine_that_is_not_installed_is_told(net):
    table = {**ENGINES, "nowhere": Engine("nowhere", "no_such_module", "no-such-package")}
    (row,) = compare_engines(ParityRequest(net, ("nowhere",), table=table)).rows
    assert (row.outcome, row.reason) == ("missing", "not installed: pip install no-such-package")


def test_an_engine_that_is_not_known_is_refused_with_the_nearest(net):
    with pytest.raises(InputError, match=r"--engine: expected one of reference, .*; did you mean 'onnxruntime'"):
        compare_engines(ParityRequest(net, ("onnxrunime",)))
    with pytest.raises(InputError, match="--engine-python: expected a Python for tvm, got /no/such"):
        compare_engines(ParityRequest(net, ("tvm",), pythons={"tvm": Path("/no/such")}))


def test_where_the_reference_cannot_run_a_model_the_next_oracle_does(tmp_path):
    text = "(float[1,4] x) => (float[1,4] y) { y = com.microsoft.Gelu(x) }"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 13, "com.microsoft": 1]> m {text}')
    onnx.save(model, tmp_path / "m.onnx")
    report = compare_engines(ParityRequest(tmp_path / "m.onnx", ("reference", "onnxruntime")))
    (subject,) = report.subjects
    assert subject.oracle == "onnxruntime-plain"
    assert subject.oracle_told.startswith("reference: ")
    assert [row.outcome for row in report.rows] == ["refused", "ran"]


def test_layers_are_compared_on_request_with_their_attributes(net):
    (row,) = compare_engines(ParityRequest(net, ("onnxruntime-plain",), layers=True, samples=1)).rows
    assert row.layers.first is None
    assert [one.layer.op for one in row.layers.each] == [
        *("Round", "Conv", "LeakyRelu", "AveragePool", "Resize", "QuantizeLinear", "DequantizeLinear")
    ]
    assert all(one.difference.relative < 1e-3 for one in row.layers.each)


def test_free_sizes_are_asked_for_and_a_free_batch_is_one(tmp_path):
    model = build("(float[n,4] x) => (float[n,4] y) { y = Relu(x) }", tmp_path / "m.onnx")
    (row,) = compare_engines(ParityRequest(model, ("onnxruntime",), samples=2)).rows
    assert row.outputs[0].elements == 8
    model = build("(float[n,m] x) => (float[n,m] y) { y = Relu(x) }", tmp_path / "free.onnx")
    with pytest.raises(InputError, match="expected a size for each axis of x, got m for axis 1"):
        compare_engines(ParityRequest(model, ("onnxruntime",)))
    (row,) = compare_engines(ParityRequest(model, ("onnxruntime",), samples=1, shapes={"x": (2, 3)})).rows
    assert row.outputs[0].elements == 6


def test_a_classifier_s_answers_are_compared_too(tmp_path):
    model = build("(float[1,4] x) => (float[1,4] y) { y = Softmax(x) }", tmp_path / "m.onnx")
    (row,) = compare_engines(ParityRequest(model, ("onnxruntime",), task="classification", samples=3)).rows
    assert (row.agreement.task, row.agreement.agreement, row.agreement.changed, row.agreement.samples) == (
        *("classification", 1.0),
        *(0, 3),
    )


def test_where_all_engines_diverge_the_oracle_is_suspected(net):
    report = ask(net, "Conv")
    with pytest.raises(GateError) as one:
        require_engines_agree(report)
    other = replace(report.rows[0], engine="tvm", versions={"tvm": "1"})
    with pytest.raises(GateError) as both:
        require_engines_agree(replace(report, rows=(*report.rows, other)))
    assert one.value.hint == "--layers --html FILE shows every operator"
    assert both.value.hint.startswith("every engine is beyond the tolerance")


def test_variants_in_integers_are_rows_held_to_what_the_package_promises(tmp_path):
    folder = write_cards(tmp_path, range(8))
    model = save(build_classifier(), folder / "m.onnx")
    board = load_profile("raspberry-pi-5")
    quantize(QuantRequest(model, (board,), str(folder), preprocess=ImageFlags(), input="float"), folder / "m.edge")
    report = compare_engines(ParityRequest(folder / "m.edge", ("onnxruntime", "onnxruntime-arm-plan"), samples=2))
    (subject,) = (one for one in report.subjects if one.variant == "arm-int8")
    assert (subject.oracle, subject.tolerance.relative, subject.tolerance.steps) == ("reference", None, True)
    rows = [row for row in report.rows if row.variant == "arm-int8"]
    assert [(row.engine, row.outcome, row.failures) for row in rows] == [
        ("onnxruntime", "ran", {}),
        ("onnxruntime-arm-plan", "ran", {}),
    ]
    assert rows[0].agreement.task == "classification"
