"""The doctor on real parts: silent where the declaration is right, and with its evidence where it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, check_data, quantize
from tests.quantize.cards import COLORS, build, build_classifier, card, save, write_cards, write_labels
from tests.quantize.models import clean

PARTS = Path(__file__).parents[2] / "examples" / "parts"
ROOT = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))
CROP = {"resize": "crop", "shorter_side": 256}
SCALES = {
    "raw": {"divisor": 1.0},
    "unit": {"divisor": 255.0},
    "symmetric": {"divisor": 127.5, "mean": (1.0,)},
    "imagenet": {"divisor": 255.0, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "offset": {"divisor": 1.0, "mean": (127.0,), "std": (128.0,)},
    "caffe": {"divisor": 1.0, "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395)},
}
RIGHT = {
    "mobilenet_v2_1.0_224": ("imagenet", "imagenet", {"size_wh": (224, 224), **CROP}),
    "squeezenet1.1_224": ("imagenet", "imagenet", {"size_wh": (224, 224), **CROP}),
    "mobilenet_v1_0.25_224_keras": ("imagenet", "symmetric", {"size_wh": (224, 224), "layout": "nhwc", **CROP}),
    "resnet8_cifar10": ("cifar10", "raw", {"size_wh": (32, 32), "layout": "nhwc"}),
    "vww_mobilenet_v1_0.25_96": ("coco", "unit", {"size_wh": (96, 96), "layout": "nhwc"}),
    "fastestdet_352": ("coco", "unit", {"size_wh": (352, 352), "color": "bgr"}),
    "nanodet_m_416": ("coco", "caffe", {"size_wh": (416, 416), "color": "bgr"}),
    "ultraface_rfb_320": ("coco", "offset", {"size_wh": (320, 240)}),
}
WRONG = [
    ("mobilenet_v2_1.0_224", {"color": "bgr"}, "warn"),
    ("mobilenet_v2_1.0_224", SCALES["unit"], "warn"),
    ("mobilenet_v2_1.0_224", SCALES["raw"], "refuse"),
    ("squeezenet1.1_224", SCALES["raw"], "refuse"),
    ("resnet8_cifar10", SCALES["symmetric"], "refuse"),
    ("nanodet_m_416", {"color": "rgb"}, "warn"),
    ("ultraface_rfb_320", SCALES["raw"], "refuse"),
    ("ultraface_rfb_320", SCALES["unit"], "warn"),
]


def check(model, calibration, preprocess, **given):
    boards = (load_profile("raspberry-pi-5"),)
    request = QuantRequest(model, boards, calibration=str(calibration), preprocess=preprocess, **given)
    return check_data(request).findings


def check_asset(name, **changes):
    data, scale, steps = RIGHT[name]
    model = ROOT / "models" / f"{name}.onnx"
    if not model.exists():
        pytest.skip(f"no {name}.onnx in EDGE_SDK_ASSETS")
    declared = Preprocess(image=ImageSteps(**{**steps, **SCALES[scale], **changes}))
    return [one for one in check(model, ROOT / "images" / data, declared) if one.kind == "reading"]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_declaration_of_a_real_model_raises_no_alarm(name):
    assert check_asset(name) == []


@pytest.mark.parametrize(("name", "changes", "severity"), WRONG)
def test_a_wrong_declaration_of_a_real_model_is_found(name, changes, severity):
    plain = {"mean": (0.0,), "std": (1.0,)} if "divisor" in changes else {}
    (finding,) = check_asset(name, **{**plain, **changes})
    assert finding.severity == severity
    assert finding.hint.startswith("if the model was trained so, say --")


@pytest.mark.parametrize(("model", "data"), [("detector", "calibration"), ("classifier", "crops")])
def test_the_models_of_the_project_are_given_no_findings(model, data):
    assert check(PARTS / f"{model}.onnx", PARTS / data, ImageFlags()) == ()


@pytest.mark.parametrize(("model", "data"), [("detector", "calibration"), ("classifier", "crops")])
def test_pixels_that_are_not_scaled_are_refused_with_the_evidence(model, data):
    (finding,) = check(PARTS / f"{model}.onnx", PARTS / data, ImageFlags(normalize="raw"))
    assert (finding.kind, finding.severity, finding.place) == ("reading", "refuse", "preprocessing")
    assert "the first layer answers with a deviation of" in finding.evidence
    assert "--normalize raw" not in finding.hint


def test_labels_tell_that_the_colours_are_swapped(tmp_path):
    model = save(build_classifier(), tmp_path / "m.onnx")
    folder = write_cards(tmp_path / "cards", range(90))
    given = {"labels": str(write_labels(folder / "labels.csv", range(90))), "class_names": COLORS}
    assert [one.kind for one in check(model, folder, ImageFlags(), **given)] == []
    (finding,) = check(model, folder, ImageFlags(color="bgr"), **given)
    assert "'--color rgb' fits better" in finding.says
    assert "top-1 of 48 labelled samples is" in finding.evidence


def with_norm(tmp_path):
    """Save a model with a BatchNorm that has learned the cards' own statistics, and return it."""
    planes = np.stack([card(number)[:, :, ::-1] / 255.0 for number in range(200)]).reshape(-1, 3)
    weights = {
        "w": np.eye(3, dtype=np.float32)[:, :, None, None],
        "one": np.ones(3, np.float32),
        "zero": np.zeros(3, np.float32),
        "mean": planes.mean(axis=0).astype(np.float32),
        "variance": planes.var(axis=0).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "one", "zero", "mean", "variance"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    return save(build(nodes, weights), tmp_path / "norm.onnx")


def test_batch_norm_contradicts_a_wrong_scale_beyond_doubt(tmp_path):
    model, folder = with_norm(tmp_path), write_cards(tmp_path / "cards", range(60))
    assert check(model, folder, ImageFlags()) == ()
    (finding,) = check(model, folder, ImageFlags(normalize="raw"))
    assert finding.severity == "refuse"
    assert "from BatchNorm's own statistics" in finding.evidence
    assert finding.hint.startswith("if the model was trained so, say --normalize unit")


def test_a_contradiction_is_an_error_unless_the_data_are_trusted(tmp_path):
    given = {"calibration": str(PARTS / "crops"), "preprocess": ImageFlags(normalize="raw")}
    boards = (load_profile("raspberry-pi-5"),)
    with pytest.raises(InputError, match="preprocessing: expected pixels read as the model was trained, got") as error:
        quantize(QuantRequest(PARTS / "classifier.onnx", boards, **given), tmp_path / "m.edge")
    assert error.value.hint.endswith("--trust-data goes on all the same")
    assert not (tmp_path / "m.edge").exists()
    told = []
    trusting = QuantRequest(PARTS / "classifier.onnx", boards, trusts_data=True, min_agreement=0.0, **given)
    report = quantize(trusting, tmp_path / "m.edge", tell=told.append)
    assert [one.kind for one in report.findings] == ["reading"]
    assert told[0].startswith("refuse: preprocessing: expected pixels")


def test_copies_and_leaks_are_told_with_the_files(tmp_path):
    folder, measured = write_cards(tmp_path / "cards", range(40)), tmp_path / "measured"
    for number in range(4):
        shutil.copy(folder / "card-039.png", folder / f"copy-{number}.png")
    write_cards(measured, range(100, 120))
    shutil.copy(folder / "card-003.png", measured / "leak.png")
    found = check(save(build_classifier(), tmp_path / "m.onnx"), folder, ImageFlags(), evaluation=str(measured))
    assert {one.kind: one.says.split("got ")[1] for one in found} == {
        "duplicates": "4 of 44 that are copies of others",
        "leakage": "1 of the 21 looked at that it has",
    }
    assert f"{measured / 'leak.png'} looks like {folder / 'card-003.png'}" in str([one.evidence for one in found])


def test_samples_that_show_nothing_are_told_and_refused_if_all_do(tmp_path):
    folder, model = write_cards(tmp_path / "cards", range(40)), save(build_classifier(), tmp_path / "m.onnx")
    for number in range(0, 40, 4):
        cv2.imwrite(str(folder / f"card-{number:03d}.png"), np.zeros((40, 60, 3), np.uint8))
    (finding,) = (one for one in check(model, folder, ImageFlags()) if one.kind == "blank")
    assert (finding.severity, "10 of 20 with one value all over" in finding.says) == ("warn", True)
    for path in folder.iterdir():
        cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    assert [one.severity for one in check(model, folder, ImageFlags()) if one.kind == "blank"] == ["refuse"]


def test_few_samples_and_one_class_are_told(tmp_path):
    folder, model = write_cards(tmp_path / "cards", range(0, 30, 3)), save(build_classifier(), tmp_path / "m.onnx")
    labels = write_labels(tmp_path / "labels.csv", range(0, 30, 3))
    found = {one.kind: one for one in check(model, folder, ImageFlags(), labels=str(labels), class_names=COLORS)}
    assert set(found) == {"one-class", "too-few"}
    assert found["one-class"].says == "expected samples of several classes, got class 0 only"
    assert found["too-few"].evidence.startswith("10 samples; the ranges of their two halves differ by ")


def test_halves_that_differ_are_too_few(tmp_path):
    values = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    values[::2] *= 30
    np.savez(tmp_path / "x.npz", x=np.repeat(values, 2, axis=0)[:32])
    graph = clean("(float[1,8] x, float[8,8] w, float[8,4] v) => (float[1,4] y) { a = MatMul(x, w) y = MatMul(a, v) }")
    found = check(save(graph.model, tmp_path / "m.onnx"), tmp_path / "x.npz", None)
    assert [one.severity for one in found if one.kind == "too-few"] == ["warn"]
