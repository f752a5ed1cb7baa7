from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
from onnx import helper

from edge_sdk.errors import InputError, TrustError
from edge_sdk.package import FileEntry, open_package, write_package
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, plan_of_file, quantize
from edge_sdk.quantize.placement import RETURNED
from tests.quantize.cards import COLORS, build, build_classifier, save, write_cards, write_labels

PI, ORIN, NANO = (load_profile(name) for name in ("raspberry-pi-5", "jetson-orin-nano", "jetson-nano"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The classifier of cards as a float model, as a package for the Pi, and as the model in it."""
    folder = write_cards(tmp_path_factory.mktemp("plan"), range(8))
    model = save(build_classifier(opset=13), folder / "m.onnx")
    quantize(QuantRequest(model, (PI,), str(folder), preprocess=ImageFlags(), input="float"), folder / "m.edge")
    package = open_package(folder / "m.edge")
    (folder / "int8.onnx").write_bytes(package.model_for(PI)[1])
    return folder


def test_a_float_model_is_shown_as_it_will_be(files):
    plan, made = plan_of_file(files / "m.onnx", PI), plan_of_file(files / "m.edge", PI)
    assert (plan.family, plan.integer_share, plan.macs) == ("arm-int8", 1.0, made.macs)
    assert plan.operators == made.operators
    assert plan.operators["QLinearConv"] == 2


def test_a_quantized_model_is_shown_as_it_is(files):
    plan = plan_of_file(files / "int8.onnx", PI)
    assert (plan.family, plan.integer_share) == ("as it is", 1.0)


def test_a_model_for_arm_is_refused_by_tensorrt(files):
    refused = [finding.message for finding in plan_of_file(files / "int8.onnx", ORIN).found("refused")]
    assert any("expected zero point 0 of int8" in message for message in refused)
    assert any("expected a float bias or int8 steps, got int32" in message for message in refused)
    assert plan_of_file(files / "m.onnx", ORIN).findings == ()


def test_the_plan_takes_the_family_that_quantizing_takes(files):
    assert plan_of_file(files / "m.onnx", ORIN).family == "tensorrt-int8"
    assert plan_of_file(files / "m.onnx", NANO).family == "fp16"
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    assert plan_of_file(save(build(nodes, {}), files / "pool.onnx"), ORIN).family == "fp32"


def test_the_plan_takes_the_scheme_that_is_asked_for(files):
    assert plan_of_file(files / "m.onnx", PI, scheme="dynamic").family == "dynamic-int8"
    with pytest.raises(
        InputError, match=r"^jetson-orin-nano: expected a board that runs weight-int4, got tensorrt-int8"
    ):
        plan_of_file(files / "m.onnx", ORIN, scheme="weight-int4")


def test_free_sizes_are_given(files):
    model = build_classifier()
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"free{axis}"
    path = save(model, files / "free.onnx")
    assert plan_of_file(path, PI, {"x": (1, 3, 48, 64)}).macs > 3 * plan_of_file(files / "m.onnx", PI).macs
    with pytest.raises(InputError, match=r"expected the size of x axis 2 \(free2\), got nothing"):
        plan_of_file(path, PI)


def test_a_package_is_checked_and_must_have_a_variant_for_the_board(files, tmp_path):
    with pytest.raises(InputError, match=r"^m: expected a variant for jetson-orin-nano "):
        plan_of_file(files / "m.edge", ORIN)
    spoiled = bytearray((files / "m.edge").read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    (tmp_path / "spoiled.edge").write_bytes(spoiled)
    with pytest.raises(TrustError, match=r"spoiled.edge: expected "):
        plan_of_file(tmp_path / "spoiled.edge", PI)


def test_a_package_tells_what_the_guard_returned(tmp_path):
    model = save(build_classifier(outlier=True), tmp_path / "m.onnx")
    folder = write_cards(tmp_path / "cards", range(12))
    quantize(QuantRequest(model, (PI,), str(folder), preprocess=ImageFlags(), min_gain=0), tmp_path / "m.edge")
    told = [(one.name, one.reason) for one in plan_of_file(tmp_path / "m.edge", PI).islands if one.work]
    assert told == [("middle", "returned to float by the accuracy guard")]


@pytest.mark.parametrize("report", [b"{}\n", b"no JSON", b"[" * 100_000])
def test_a_package_with_another_report_has_a_plan_too(tmp_path, manifest, contents, report):
    contents["report.json"] = report
    files = tuple(FileEntry.of(entry.name, contents[entry.name]) for entry in manifest.files)
    write_package(tmp_path / "p.edge", replace(manifest, files=files), contents)
    assert plan_of_file(tmp_path / "p.edge", PI).family == "arm-int8"


@pytest.mark.parametrize("name", ["none.onnx", "none.edge", "/"])
def test_what_is_no_model_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r": expected "):
        plan_of_file(tmp_path / name, PI)


def test_the_plan_of_a_model_leaves_its_file_alone(files):
    before = (files / "m.onnx").read_bytes()
    plan_of_file(files / "m.onnx", PI)
    assert (files / "m.onnx").read_bytes() == before
    onnx.checker.check_model(files / "m.onnx")


def test_a_package_tells_what_its_guard_returned(tmp_path):
    folder, model = write_cards(tmp_path / "data", range(60)), save(build_classifier(outlier=True), tmp_path / "m.onnx")
    labels = str(write_labels(folder / "labels.csv", range(60)))
    asked = QuantRequest(
        model, (PI,), str(folder), preprocess=ImageFlags(), labels=labels, class_names=COLORS, min_gain=0
    )
    report = quantize(asked, tmp_path / "cards.edge")
    (returned,) = [layer.name for layer in report.variants[0].returned]
    plan = plan_of_file(tmp_path / "cards.edge", PI)
    assert {island.name: island.reason for island in plan.islands}[returned] == RETURNED
