from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command

from edge_sdk.cli import app
from edge_sdk.files import sha256_of_file
from edge_sdk.preprocess import ImageSteps, Preprocess, WindowSteps
from edge_sdk.preprocess.features_record import Bands, Features
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, preprocess_from_file
from edge_sdk.quantize.material import choose_material
from edge_sdk.quantize.origin import preprocess_toml, program_versions, tell_origin
from edge_sdk.quantize.source import open_source
from tests.quantize.cards import COLORS, build_classifier, save, write_cards, write_labels

BOARDS = tuple(load_profile(name) for name in ("raspberry-pi-5", "x86-64-vnni"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origin")
    write_cards(folder / "my cards", range(40))
    return QuantRequest(
        model=save(build_classifier(), folder / "m.onnx"),
        profiles=BOARDS,
        calibration=str(folder / "my cards"),
        labels=str(write_labels(folder / "labels.csv", range(40))),
        class_names=COLORS,
        preprocess=ImageFlags(),
    )


def origin(request):
    source = open_source(request)
    return tell_origin(request, source, choose_material(request, source))


def test_the_command_says_what_was_asked_for_and_nothing_of_folders(asked):
    told = origin(asked)
    assert shlex.join(told.command) == (
        "edge-sdk quantize m.onnx -p raspberry-pi-5 -p x86-64-vnni --calibration 'my cards' --labels labels.csv "
        "--class-names labels.txt --preprocess preprocess.toml -o m.edge"
    )


def test_what_differs_from_the_default_is_in_the_command_and_can_be_parsed(asked):
    changes = {"max_drop_points": 1.5, "pick": "fastest", "min_gain": 0.0, "calibration_samples": 20, "version": 3}
    request = replace(asked, **changes, name="cards", scheme="static", trusts_data=True, shows_pictures=False)
    words = list(origin(request).command)
    command = get_command(app).commands["quantize"]
    given = command.make_context("quantize", words[2:], resilient_parsing=True).params
    parsed = {
        "max_drop": 1.5,
        "pick": "fastest",
        "min_gain": 0.0,
        "calibration_samples": 20,
        "version": 3,
        "name": "cards",
    }
    assert {name: given[name] for name in parsed} == parsed
    assert (given["scheme"], given["trust_data"], given["no_pictures"], given["out"]) == (
        "static",
        True,
        True,
        Path("cards.edge"),
    )


def test_data_and_boards_are_told_by_their_digests(asked):
    told = origin(asked)
    assert told.labels_sha256 == sha256_of_file(Path(asked.labels))
    assert len(told.evaluation_sha256) == 64
    other = replace(BOARDS[0], system=replace(BOARDS[0].system, max_opset=14))
    changed = origin(replace(asked, profiles=(other, BOARDS[1]), labels=None))
    assert (changed.labels_sha256, changed.profiles["x86-64-vnni"]) == ("", told.profiles["x86-64-vnni"])
    assert changed.profiles["raspberry-pi-5"] != told.profiles["raspberry-pi-5"]


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(image=ImageSteps((32, 24), resize="crop", shorter_side=40, mean=(0.485, 0.456, 1e-9), pad_value=0)),
        Preprocess(window=WindowSteps(('a "b"', "ü\\\n"), 16, 8, normalize="fixed", mean=(0.0, 9.81))),
        Preprocess(
            window=WindowSteps(
                ("ax",),
                64,
                64,
                rate_hz=100.0,
                features=Features(("rms",), Bands((0.0, 1.5, 50.0), log="db", floor=1e-12)),
            )
        ),
        Preprocess(),
    ],
)
def test_preprocessing_reads_back_from_what_is_told(tmp_path, preprocess):
    (tmp_path / "p.toml").write_text(preprocess_toml(preprocess))
    assert preprocess_from_file(tmp_path / "p.toml") == preprocess


def test_what_a_model_carries_itself_needs_no_file(asked):
    told = origin(replace(asked, preprocess=None, model=_carrying(asked)))
    assert told.preprocess == ""
    assert "--preprocess" not in told.command


def _carrying(asked):
    metadata = {"edge_sdk.preprocess": '{"image": {"size_wh": [32, 24]}}'}
    return save(build_classifier(metadata=metadata), asked.model.with_name("own.onnx"))


def test_all_programs_are_told():
    assert set(program_versions()) == {"edge_sdk", "numpy", "onnx", "onnxruntime", "opencv", "python"}
