"""On an x86 processor without VNNI, fast int8 sums saturate: edge-sdk avoids it there, and refuses where it cannot."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest

from edge_sdk.package import open_package
from edge_sdk.quantize import families
from edge_sdk.quantize.report import REPORT_NAME
from scripts.emulator.x86 import run_on_x86, write_cpuinfo
from tests.quantize.cards import FLAGS, build_classifier, save, write_cards
from tests.quantize.models import clean, quantized, samples

pytestmark = pytest.mark.usefixtures("board")

OPERATORS = {
    "Conv 3x3": ("float[1,64,10,10] x, float[32,64,3,3] w, float[32] b", "float[1,32,8,8] y", "Conv(x, w, b)"),
    "Conv 1x1": ("float[1,64,10,10] x, float[32,64,1,1] w, float[32] b", "float[1,32,10,10] y", "Conv(x, w, b)"),
    "grouped": ("float[1,32,10,10] x, float[32,8,3,3] w, float[32] b", "float[1,32,8,8] y", "Conv<group=4>(x, w, b)"),
    "depthwise": (
        "float[1,32,10,10] x, float[32,1,3,3] w, float[32] b",
        "float[1,32,8,8] y",
        "Conv<group=32>(x, w, b)",
    ),
    "Conv 9": ("float[1,16,64] x, float[32,16,9] w, float[32] b", "float[1,32,56] y", "Conv(x, w, b)"),
    "Gemm": ("float[1,256] x, float[256,32] w, float[32] b", "float[1,32] y", "Gemm(x, w, b)"),
    "MatMul": ("float[1,8,256] x, float[256,32] w", "float[1,8,32] y", "MatMul(x, w)"),
}
CHECK = """
import json, pickle, sys
from edge_sdk.errors import GateError
from edge_sdk.quantize.spot_check import spot_check
from edge_sdk.session import SessionConfig, host_config
told = {"detour": dict(host_config().entries)}
for name, (model, sample) in pickle.loads(open(sys.argv[1], "rb").read()).items():
    for mode, config in (("plain", SessionConfig()), ("ours", host_config())):
        try:
            told[f"{name}, {mode}"] = max(check.worst_steps for check in spot_check(model, sample, config, where="m"))
        except GateError as exc:
            told[f"{name}, {mode}"] = str(exc)
print(json.dumps(told))
"""


def test_every_operator_is_exact_there_as_we_open_models(tmp_path):
    graphs = {
        name: clean(f"({takes}) => ({gives}) {{ y = {call} }}") for name, (takes, gives, call) in OPERATORS.items()
    }
    models = {name: (quantized(graph, "x86-int8"), samples(graph, 1)[0]) for name, graph in graphs.items()}
    models["dynamic"] = (families.emit("dynamic-int8", graphs["Gemm"], {}, "minmax"), models["Gemm"][1])
    (tmp_path / "models").write_bytes(pickle.dumps(models))
    done = run_on_x86(["-c", CHECK, tmp_path / "models"], cpuinfo=write_cpuinfo(tmp_path / "cpuinfo"))
    told = json.loads(done.stdout)
    assert told.pop("detour") == {"session.x64quantprecision": "1"}, done.stderr
    assert all(told[f"{name}, ours"] <= 0.51 for name in models)
    saturated = {name for name in models if "steps off" in str(told[f"{name}, plain"])}
    assert saturated == models.keys() - {"depthwise"}


@pytest.fixture
def quantizing(tmp_path):
    """Arguments that quantize a classifier, and the package that comes of it."""
    model = save(build_classifier(), tmp_path / "cards.onnx")
    write_cards(tmp_path / "data", range(40))
    command = [Path(sys.executable).with_name("edge-sdk"), "quantize", model, "-p", "raspberry-pi-5", *FLAGS]
    return [*command, "--calibration", tmp_path / "data", "-o", tmp_path / "m.edge"], tmp_path / "m.edge"


def test_a_machine_that_hides_that_it_saturates_is_refused(quantizing, tmp_path):
    arguments, package = quantizing
    lie = tmp_path / "cpuinfo"
    lie.write_text(write_cpuinfo(lie).read_text().replace("avx2", "avx2 avx512_vnni"))
    done = run_on_x86(arguments, cpuinfo=lie)
    assert done.returncode == 6, done.stderr
    assert "expected exact integer sums of" in done.stderr and "saturates" in done.stderr
    assert not package.exists()


def test_a_machine_without_vnni_quantizes_exactly_and_says_how(quantizing, tmp_path):
    arguments, path = quantizing
    done = run_on_x86(arguments, cpuinfo=write_cpuinfo(tmp_path / "cpuinfo"))
    assert done.returncode == 0, done.stderr
    package = open_package(path)
    entry = next(entry for entry in package.manifest.files if entry.name == REPORT_NAME)
    arithmetic = json.loads(package.read(entry))["variants"][0]["arithmetic"]
    assert "session.x64quantprecision" in arithmetic["host"] and "SDOT" in arithmetic["boards"][0]["arithmetic"]
    assert all(layer["worst_steps"] <= 0.51 for layer in arithmetic["layers"])
