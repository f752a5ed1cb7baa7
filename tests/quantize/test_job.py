"""The whole way, from a float model to a package, on small models."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from edge_sdk import records
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.files import sha256_of_file, sha256_of_files
from edge_sdk.package import open_package
from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.quantize.page import report_page
from edge_sdk.quantize.report import QuantReport
from edge_sdk.session import SessionConfig, host_config, open_session
from tests.quantize.cards import COLORS, build, build_classifier, save, write_cards, write_labels
from tests.quantize.grid import build_detector, write_squares
from tests.quantize.models import TENSORRT_11

THREE_BOARDS = ("raspberry-pi-5", "jetson-orin-nano", "x86-64-vnni")
AS_ON_ARM = SessionConfig(entries={"session.qdqisint8allowed": "1"})
AS_WRITTEN = {"session.disable_quant_qdq": "1"}


def write_material(folder, *, count=60):
    """Write cards and their labels, and return what a request takes of them."""
    write_cards(folder, range(count))
    labels = write_labels(folder / "labels.csv", range(count))
    return {"calibration": str(folder), "labels": str(labels), "preprocess": ImageFlags(), "class_names": COLORS}


def request(model, boards=("raspberry-pi-5",), **given):
    return QuantRequest(model, tuple(load_profile(board) for board in boards), **given)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Quantize the classifier with a layer that int8 destroys for three boards; return the report and the package."""
    folder = tmp_path_factory.mktemp("guarded")
    model = save(build_classifier(outlier=True), folder / "cards.onnx")
    given = {**write_material(folder / "data"), "min_gain": 0.0}
    report = quantize(request(model, THREE_BOARDS, **given), folder / "cards.edge")
    return report, open_package(folder / "cards.edge")


def test_each_board_gets_its_family(guarded):
    report, package = guarded
    boards = {variant.family: [plan.profile for plan in variant.plans] for variant in report.variants}
    assert boards == dict(zip(("arm-int8", "tensorrt-int8", "x86-int8"), ([b] for b in THREE_BOARDS), strict=True))
    assert set(package.manifest.variants) == set(boards)
    assert [package.manifest.family_for(load_profile(board)) for board in THREE_BOARDS] == list(boards)


def test_the_report_says_with_which_arithmetic_it_was_measured(guarded):
    arm, tensorrt, x86 = (variant.arithmetic for variant in guarded[0].variants)
    assert {layer.layer for layer in arm.layers} == {layer.layer for layer in x86.layers} != set()
    assert tensorrt.layers == () and "float32" in tensorrt.host
    assert "Arithmetic" in report_page(guarded[0])


def test_without_the_guard_the_layer_destroys_the_model(tmp_path):
    model = save(build_classifier(outlier=True), tmp_path / "m.onnx")
    given = {**write_material(tmp_path), "max_drop_points": 100.0, "min_agreement": 0.0}
    (variant,) = quantize(request(model, **given), tmp_path / "m.edge").variants
    assert variant.returned == ()
    assert variant.accuracy.float_value - variant.accuracy.value > 20


def test_the_report_shows_answers_that_changed_unless_they_are_not_to_be_shown(tmp_path):
    model = save(build_classifier(outlier=True), tmp_path / "m.onnx")
    given = {**write_material(tmp_path / "data"), "max_drop_points": 100.0, "min_agreement": 0.0}
    (variant,) = quantize(request(model, **given), tmp_path / "m.edge").variants
    changes, accuracy = variant.changes, variant.accuracy
    assert (changes.samples, changes.changed) == (60, round(60 * (1 - accuracy.agreement)))
    assert changes.lost - changes.won == round(0.6 * (accuracy.float_value - accuracy.value))
    assert sum(pair.count for pair in changes.pairs) == changes.changed
    for example in changes.examples:
        assert example.truth == COLORS[int(example.sample[5:8]) % 3]
        assert example.picture.startswith("data:image/jpeg;base64,")
    kept = quantize(request(model, **given, shows_pictures=False), tmp_path / "m.edge")
    package = open_package(tmp_path / "m.edge")
    assert "data:" not in "".join(package.read(entry).decode() for entry in package.files if "report" in entry.name)
    bare = tuple(replace(example, picture="") for example in changes.examples)
    assert kept.variants[0].changes == replace(changes, examples=bare)


def test_the_report_tells_each_layer_and_each_board(guarded):
    report = guarded[0]
    assert [(one.profile, one.family) for one in report.advice] == [
        (board, variant.family) for board, variant in zip(THREE_BOARDS, report.variants, strict=True)
    ]
    for variant in report.variants:
        assert [layer.name for layer in variant.layers] == ["stem", "middle", "last"]
        assert [layer.is_float for layer in variant.layers][1]
        assert variant.layers[1].added_db == 200
    arm = report.variants[0]
    assert report.advice[0].gain == pytest.approx(arm.frontier.gain(arm.frontier.chosen))


def test_the_guard_returns_that_layer_alone_and_keeps_the_accuracy(guarded):
    for variant in guarded[0].variants:
        assert [layer.name for layer in variant.returned] == ["middle"]
        assert variant.accuracy.float_value - variant.accuracy.value <= 0.5
    arm = guarded[0].variants[0].plans[0]
    assert [(one.name, one.reason) for one in arm.islands if one.work] == [
        ("middle", "returned to float by the accuracy guard")
    ]
    assert 0.5 < arm.integer_share < 0.7


def test_a_board_that_computes_little_in_integers_is_noted(guarded):
    assert "jetson-orin-nano: expected at least 50% of the work in integers, got 0.0%" in guarded[0].notes


@pytest.mark.parametrize(
    ("family", "config"),
    [("arm-int8", AS_ON_ARM), ("x86-int8", host_config()), ("tensorrt-int8", host_config(AS_WRITTEN))],
)
def test_the_golden_outputs_are_reproduced_from_the_package(guarded, family, config):
    package = guarded[1]
    variant = package.manifest.variants[family]
    golden = Golden(dict(np.load(io.BytesIO(package.read(variant.golden)))), variant.min_snr_db)
    session = open_session(package.read(variant.model), config, where=family)
    assert len(golden.arrays["input:x"]) == len(golden.arrays["output:y"]) >= 2
    assert worst_snr_db(golden, session) >= variant.min_snr_db > 10
    shifted = {name: values + 1 if name == "output:y" else values for name, values in golden.arrays.items()}
    assert worst_snr_db(Golden(shifted, 0.0), session) < variant.min_snr_db


def test_the_package_tells_what_the_report_tells(guarded):
    report, package = guarded
    contents = {entry.name: package.read(entry) for entry in package.files}
    assert records.read(QuantReport, json.loads(contents["report.json"]), where="report.json") == report
    assert contents["report.html"].decode() == report_page(report)
    assert contents["labels.txt"] == b"red\ngreen\nblue\n"
    manifest = package.manifest
    assert (manifest.name, manifest.version, manifest.labels) == ("cards", 1, COLORS)
    assert manifest.provenance.source_sha256 == report.source.model_sha256
    assert manifest.provenance.profiles == THREE_BOARDS
    for told in report.variants:
        variant = manifest.variants[told.family]
        assert (variant.accuracy, variant.integer_share) == (told.accuracy, told.plans[0].integer_share)
        assert variant.model.size_bytes == told.size_bytes


def test_the_same_inputs_give_the_same_bytes_anywhere(tmp_path, monkeypatch):
    model = save(build_classifier(), tmp_path / "m.onnx")
    given = write_material(tmp_path / "data")
    quantize(request(model, THREE_BOARDS, **given), tmp_path / "first.edge")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    here = {**given, "calibration": "../data", "labels": "../data/labels.csv"}
    quantize(request(Path("../m.onnx"), THREE_BOARDS, **here), Path("deep/second.edge"))
    assert sha256_of_file(tmp_path / "first.edge") == sha256_of_file(Path("deep/second.edge"))
    assert [path.name for path in Path("deep").iterdir()] == ["second.edge"]


def test_a_detector_is_scored_by_its_boxes(tmp_path):
    folder = write_squares(tmp_path / "squares", range(40))
    given = {"calibration": str(folder), "preprocess": ImageFlags(), "class_names": COLORS}
    model = save(build_detector(), tmp_path / "m.onnx")
    labels = str(folder / "labels.csv")
    report = quantize(request(model, **given, labels=labels, min_agreement=0.9, min_gain=0.0), tmp_path / "m.edge")
    (variant,) = report.variants
    assert (report.task, variant.accuracy.metric, variant.accuracy.float_value) == ("detection", "AP50-95", 100.0)
    assert variant.accuracy.value > 99
    assert variant.accuracy.drop_high >= 100 * 3 / 40
    assert open_package(tmp_path / "m.edge").manifest.task.head == "boxes-scores"


def test_a_model_without_layers_is_packed_in_float_with_a_note(tmp_path):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    model = save(build(nodes, {}), tmp_path / "m.onnx")
    report = quantize(request(model, **write_material(tmp_path, count=40)), tmp_path / "m.edge")
    (variant,) = report.variants
    assert (variant.family, variant.accuracy, variant.verdict) == ("fp32", None, "the float model")
    assert "raspberry-pi-5: fp32, since no layer would be int8" in report.notes
    assert open_package(tmp_path / "m.edge").manifest.variants["fp32"].integer_share == 0


def test_a_board_without_integers_gets_half_floats(tmp_path):
    model = save(build_classifier(opset=13), tmp_path / "m.onnx")
    given = {**write_material(tmp_path, count=40), "labels": None}
    (variant,) = quantize(request(model, ["jetson-nano"], **given), tmp_path / "m.edge").variants
    assert (variant.family, variant.certified) == ("fp16", None)
    assert variant.accuracy.agreement == 1


def test_a_share_in_integers_that_was_asked_for_is_a_gate(tmp_path):
    model = save(build_classifier(), tmp_path / "m.onnx")
    given = {**write_material(tmp_path, count=40), "min_integer_share": 0.9}
    with pytest.raises(GateError) as caught:
        quantize(request(model, ["jetson-orin-nano"], **given), tmp_path / "m.edge")
    message = "jetson-orin-nano: expected at least 90% of the work in integers, got 37.2%"
    assert (str(caught.value), caught.value.hint) == (message, "edge-sdk plan shows what is in float, and why")
    assert not (tmp_path / "m.edge").exists()


def test_labels_that_the_float_model_never_meets_certify_nothing(tmp_path):
    model = save(build_classifier(), tmp_path / "m.onnx")
    given = {**write_material(tmp_path, count=40), "class_names": ("green", "blue", "red")}
    with pytest.raises(InputError) as caught:
        quantize(request(model, **given), tmp_path / "m.edge")
    assert str(caught.value) == "labels.csv: expected labels that the float model meets, got top-1 of 0"


def test_the_strictest_of_the_boards_and_what_is_asked_for_make_the_budget(tmp_path):
    model = save(build_classifier(opset=13), tmp_path / "m.onnx")
    given = {**write_material(tmp_path, count=40), "max_drop_points": 7.5}
    budget = quantize(request(model, ["raspberry-pi-5", "jetson-nano"], **given), tmp_path / "m.edge").budget
    policy = load_profile("raspberry-pi-5").quantization
    assert budget.max_drop_points == 7.5
    assert (budget.min_agreement, budget.min_integer_share) == (policy.min_agreement, policy.min_integer_share)


def test_weights_in_a_file_of_their_own_are_counted_and_digested(tmp_path):
    files = [tmp_path / "m.onnx", tmp_path / "m.onnx.data"]
    onnx.save(build_classifier(), files[0], save_as_external_data=True, location=files[1].name, size_threshold=0)
    source = quantize(request(files[0], **write_material(tmp_path / "data")), tmp_path / "m.edge").source
    assert source.model_bytes == sum(path.stat().st_size for path in files)
    assert source.model_sha256 == sha256_of_files(files)


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    with pytest.raises(UnavailableError, match=r"^/dev/null/m.edge: expected a place to write, got Not a directory$"):
        quantize(request(tmp_path / "none.onnx", calibration="none"), Path("/dev/null/m.edge"))


def test_file_names_that_are_no_text_can_be_packed(tmp_path):
    given = write_material(tmp_path / "data")
    folder = (tmp_path / "data").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    given.update(calibration=str(folder), labels=str(folder / "labels.csv"))
    model = save(build_classifier(), tmp_path / "m.onnx")
    report = quantize(request(model, **given), tmp_path / "m.edge")
    assert report.source.calibration == "?"


def test_progress_is_told_stage_by_stage(tmp_path):
    stages = []

    class Stage:
        def __init__(self, title, total):
            stages.append([title, total, 0])

        def __enter__(self):
            return self.advance

        def advance(self, steps):
            stages[-1][2] += steps

        def __exit__(self, *_):
            pass

    model = save(build_classifier(outlier=True), tmp_path / "m.onnx")
    quantize(request(model, **write_material(tmp_path), min_gain=0.0), tmp_path / "m.edge", progress=Stage)
    assert [title for title, _, _ in stages] == [
        "looking at the samples",
        "trying other readings",
        "measuring the float model",
        "calibrating",
        "choosing the ranges of arm-int8",
        "rounding the weights of arm-int8",
        "rounding the weights of arm-int8",
        "measuring arm-int8",
        "ranking the layers of arm-int8",
        "rounding the weights of arm-int8",
        "measuring arm-int8 with 1 layer(s) in float",
    ]
    assert all(total == done > 0 for _, total, done in stages)


def test_a_model_larger_than_a_board_takes_is_refused(tmp_path):
    model, output = save(build_classifier(), tmp_path / "cards.onnx"), tmp_path / "cards.edge"
    board = load_profile("raspberry-pi-5")
    small = replace(board, budget=replace(board.budget, model_bytes=100))
    asked = QuantRequest(model, (small,), **write_material(tmp_path / "data"))
    with pytest.raises(GateError, match=r"^arm-int8: expected at most 100 bytes for raspberry-pi-5, got \d+$"):
        quantize(asked, output)
    assert not output.exists()


def test_a_package_holds_int8_for_both_kinds_of_tensorrt_with_their_own_operator_sets(tmp_path):
    model = save(build_classifier(opset=13), tmp_path / "cards.onnx")
    boards = (load_profile("jetson-orin-nano"), TENSORRT_11)
    asked = QuantRequest(model, boards, min_integer_share=0.1, **write_material(tmp_path / "data"))
    report = quantize(asked, tmp_path / "cards.edge")
    variants = open_package(tmp_path / "cards.edge").manifest.variants
    assert {family: variant.opset for family, variant in variants.items()} == {
        "tensorrt-int8": 13,
        "tensorrt-int8-typed": 19,
    }
    for variant in report.variants:
        assert variant.accuracy.agreement == 1.0
        assert variant.plans[0].findings == ()
