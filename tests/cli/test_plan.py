from __future__ import annotations

import json
import re
import sys

import pytest
from onnx import helper

from edge_sdk import records
from edge_sdk.cli import main
from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.quantize.board_plan import PlanPreview
from tests.quantize.cards import build, build_classifier, save, write_cards


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The classifier of cards as a float model and as a package for the Pi."""
    folder = write_cards(tmp_path_factory.mktemp("plan"), range(8))
    model = save(build_classifier(), folder / "m.onnx")
    board = load_profile("raspberry-pi-5")
    quantize(QuantRequest(model, (board,), str(folder), preprocess=ImageFlags(), input="float"), folder / "m.edge")
    return folder


@pytest.fixture
def plan(monkeypatch, capsys, files):
    """Run the command in the folder of the files; return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.chdir(files)
        monkeypatch.setattr(sys, "argv", ["edge-sdk", "plan", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.mark.parametrize("file", ["m.onnx", "m.edge"])
def test_it_shows_the_share_in_integers(plan, file):
    code, out, err = plan(file, "-p", "raspberry-pi-5", "--min-integer-share", "0.95")
    assert (code, err) == (0, "")
    first, second, *speed = out.splitlines()
    assert first == "raspberry-pi-5, arm-int8: 100.0% of the work in integers, which is 0.1 M multiply-accumulates"
    assert re.fullmatch(
        r"\d quantize and dequantize, \d transposes remain \(optimized by onnxruntime \S+ as for ARM\)", second
    )
    told = r"[\d.]+ ms, float [\d.]+ ms: 1\.\d\d times as fast \(modelled for raspberry-pi-5 from .*\)"
    assert [re.fullmatch(told, line) is not None for line in speed] == ([True] if file == "m.onnx" else [])


def test_what_stays_in_float_is_told_with_its_reason(plan):
    code, out, _ = plan("m.onnx", "-p", "jetson-orin-nano")
    assert code == 0
    head, stem, last = [" ".join(line.split()) for line in out.splitlines()[-3:]]
    assert head == "in float operator work why"
    assert stem == "stem Conv 62.77% stem with 3 input channels: TensorRT has no int8 kernel"
    assert last.startswith("last Gemm 0.04% matrix-vector product: ")


def test_json_is_the_record(plan):
    code, out, err = plan("m.edge", "-p", "raspberry-pi-5", "--json")
    assert (code, err) == (0, "")
    shown = records.read(PlanPreview, json.loads(out), where="stdout")
    assert (shown.profile, shown.integer_share, shown.operators["QLinearConv"]) == ("raspberry-pi-5", 1.0, 2)


def test_too_little_in_integers_is_a_gate_after_the_plan_is_shown(plan):
    code, out, err = plan("m.onnx", "-p", "jetson-orin-nano", "--min-integer-share", "0.5")
    assert code == 6
    assert out.startswith("jetson-orin-nano, tensorrt-int8: 37.2% of ")
    assert err == "error: plan: expected at least 50.0% of the work in integers, got 37.2%\n"


def test_what_the_board_refuses_is_a_gate(plan, files):
    model = open_package(files / "m.edge").model_for(load_profile("raspberry-pi-5"))[1]
    (files / "arm.onnx").write_bytes(model)
    code, out, err = plan("arm.onnx", "-p", "jetson-orin-nano")
    refused = [line for line in out.splitlines() if line.startswith("refused: ")]
    assert (code, len(refused)) == (6, 6)
    assert refused[0].endswith("expected zero point 0 of int8, got -128 of int8 (zero-point)")
    assert "  hint: quantize it for this board" in out.splitlines()
    assert re.fullmatch(r"error: plan: expected a model that jetson-orin-nano takes, got \d+ refused places\n", err)


def test_what_the_board_does_slowly_is_a_gate_if_asked(plan, files):
    nodes = [helper.make_node("Tanh", ["x"], ["t"]), helper.make_node("Det", ["t"], ["y"])]
    save(build(nodes, {}, inputs=[("x", [1, 3, 3])], outputs=[("y", [1])]), files / "slow.onnx")
    arguments = ("slow.onnx", "-p", "jetson-orin-nano")
    code, out, _ = plan(*arguments)
    told = "slow: Det: expected an operator that TensorRT 10.3.0 imports, got 1 of it (no-importer)"
    assert (code, told in out.splitlines()) == (0, True)
    code, _, err = plan(*arguments, "--strict")
    assert code == 6
    assert err == "error: plan: expected a model that jetson-orin-nano takes in full speed, got 1 slow places\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.onnx", "-p", "raspberry-pi-5"], 3, "error: none.onnx: expected a readable file, got No such file"),
        (["card-001.png", "-p", "raspberry-pi-5"], 3, "error: card-001.png: expected an ONNX model, got a file that"),
        (["m.edge", "-p", "jetson-orin-nano"], 3, "error: m: expected a variant for jetson-orin-nano (tensorrt-int8"),
        (["m.onnx", "-p", "x86"], 3, "error: profile: expected a known board or a .toml file, got 'x86'"),
        (["m.onnx", "-p", "raspberry-pi-5", "--min-integer-share", "nan"], 3, "error: min-integer-share: expected 0"),
        (["m.onnx", "-p", "raspberry-pi-5", "--input-shape", "x"], 3, "error: --input-shape: expected NAME=1x3x224"),
        (["m.onnx"], 2, "Error: Missing option '--profile' / '-p'."),
        (["-p", "raspberry-pi-5"], 2, "Error: Missing argument"),
    ],
)
def test_what_is_wrong_is_told(plan, arguments, code, message):
    ended, out, err = plan(*arguments)
    assert (ended, out) == (code, "")
    assert message in err
    assert err.count("rror: ") == 1
