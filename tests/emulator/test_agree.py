"""A package computes on emulated ARM cores what was measured here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.samples import read_samples
from scripts.emulator.agree import compare, open_subject
from scripts.emulator.board import ROOT
from tests.quantize.cards import COLORS, build_classifier, save, write_cards, write_labels

COUNT = 60


def make_package(folder, boards):
    """Quantize the cards' classifier; return the package, the model and how the samples are read."""
    model, data = save(build_classifier(), folder / "cards.onnx"), folder / "data"
    write_cards(data, range(COUNT))
    labels = write_labels(folder / "labels.csv", range(COUNT))
    given = {"calibration": str(data), "labels": str(labels), "preprocess": ImageFlags(), "class_names": COLORS}
    quantize(QuantRequest(model, tuple(load_profile(name) for name in boards), **given), folder / "cards.edge")
    return folder / "cards.edge", model, data


def subject_of(package, model, data):
    return open_subject(
        package, lambda opened: read_samples(str(data), opened.manifest.preprocess, opened.manifest.inputs), model
    )


def test_an_emulated_core_agrees_with_what_was_measured_here(board, tmp_path):
    subject = subject_of(*make_package(tmp_path, ["raspberry-pi-5", "x86-64-vnni"]))
    told = compare(board, ["cortex-a76"], subject)
    core = told["cores"]["cortex-a76"]
    assert told["samples"] == 50
    assert core["agreement"]["x86-int8"] >= 0.98 and core["agreement"]["arm-int8"] >= 0.98
    assert core["golden"]["snr_db"] >= core["golden"]["asked_db"]
    assert core["float_snr_db"] > 100
    assert core["instructions"]["int8"]["dot"] > 0


def test_a_package_without_an_arm_variant_is_refused(tmp_path):
    subject = subject_of(*make_package(tmp_path, ["x86-64-vnni"]))
    with pytest.raises(InputError, match="expected a variant arm-int8, got x86-int8"):
        compare(None, ["cortex-a76"], subject)


@pytest.mark.usefixtures("board")
def test_the_script_compares_a_package(tmp_path):
    package, model, data = make_package(tmp_path, ["raspberry-pi-5"])
    call = [sys.executable, "-m", "scripts.emulator", "package", package, "--data", data, "--cores", "cortex-a53"]
    done = subprocess.run([*call, "--float", model], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cores"]["cortex-a53"]["agreement"]["arm-int8"] >= 0.98
