"""A package is examined in a child: what it computes here, who runs its nodes, and what kills it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.doctor.assignment import judge, read_shares
from edge_sdk.doctor.child import ask_child
from edge_sdk.doctor.model import check_model, judge_memory
from edge_sdk.doctor.record import Subject, User
from edge_sdk.profiles import Provider, detect_profile
from edge_sdk.session import Recorded, host_config, record_runs
from tests.runtime.swap.candidates import colors, write

HERE = detect_profile().profile
CASES = json.loads((Path(__file__).parents[1] / "cases/doctor/shares.json").read_text())
STEPS = ["package", "variant", "session", "golden outputs", "nodes"]


def examined(path, profile=HERE):
    return list(check_model(Subject(User("pi", 1000, frozenset()), profile, package=path)))


def test_a_package_that_runs_here_as_it_did_is_well(tmp_path):
    findings = examined(write(tmp_path / "colors-1.edge", colors()))
    assert [(one.name, one.state) for one in findings] == [(step, "ok") for step in STEPS]
    assert findings[3].evidence.startswith("1 samples at ")
    assert findings[4].evidence.startswith("3 of 3 nodes on CPUExecutionProvider (")


def test_other_outputs_than_the_golden_ones_fail(tmp_path):
    findings = examined(write(tmp_path / "colors-1.edge", colors(-10.0), golden_of=colors()))
    assert [one.name for one in findings] == STEPS[:4]
    assert findings[-1].state == "failed"
    assert "expected the golden outputs at 30 dB or better, got " in findings[-1].evidence


def test_a_provider_that_is_not_there_ends_it(tmp_path):
    board = replace(HERE, providers=(Provider("CUDAExecutionProvider"), *HERE.providers))
    *_, finding = examined(write(tmp_path / "colors-1.edge", colors()), board)
    assert (finding.name, finding.state) == ("session", "failed")
    assert "expected execution provider CUDAExecutionProvider" in finding.evidence
    assert finding.cure.startswith("install the board's own onnxruntime build")


def test_a_file_that_is_cut_off_is_told(tmp_path):
    path = write(tmp_path / "colors-1.edge", colors())
    path.write_bytes(path.read_bytes()[:500])
    (finding,) = examined(path)
    assert (finding.name, finding.state, finding.cure) == ("package", "failed", "it is not whole: copy it again")


def test_a_kernel_that_dies_takes_no_finding_away(tmp_path, monkeypatch):
    (tmp_path / "onnxruntime.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    findings = examined(write(tmp_path / "colors-1.edge", colors()))
    assert [(one.name, one.state) for one in findings] == [("package", "ok"), ("variant", "ok"), ("model", "failed")]
    assert findings[-1].evidence.startswith("killed by SIGILL")
    assert "onnxruntime" in findings[-1].cure


def test_a_child_that_complains_is_a_finding():
    (finding,) = ask_child("model", "model", {"package": "x"}, limit_s=60, library="onnxruntime")
    assert (finding.state, finding.evidence) == ("failed", "KeyError: 'profile'")


def test_a_board_that_is_not_known_is_asked_for(tmp_path):
    (finding,) = examined(tmp_path / "x.edge", None)
    assert finding.cure == "name it with --profile"
    assert list(check_model(Subject(User("pi", 1000, frozenset()), HERE))) == []


def test_a_variant_must_fit_into_memory():
    assert judge_memory("arm-int8", 10_000_000, 200 << 20).state == "ok"
    assert judge_memory("arm-int8", 100_000_000, 200 << 20).state == "failed"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_who_runs_the_nodes_is_told(case):
    kernels = [
        {"cat": "Node", "name": f"{node}_kernel_time", "dur": dur, "args": {"op_name": operator, "provider": provider}}
        for node, operator, provider, dur in case["events"]
    ]
    session = {"cat": "Session", "name": "model_run", "dur": 9999, "args": {}}
    assigned = tuple((provider, operator) for provider, operator in case["assigned"])
    finding = judge(Recorded(json.dumps([session, *kernels]).encode(), assigned), case["promised"])
    assert (finding.state, finding.evidence) == (case["state"], case["evidence"])


def test_what_this_onnxruntime_records_is_understood():
    inputs = {"x": np.zeros((1, 3, 32, 48), np.float32)}
    recorded = record_runs(colors(), host_config(), inputs, runs=2, where="colors")
    for told in (recorded, replace(recorded, assigned=())):
        (share,) = read_shares(told).values()
        assert share.operators == {"GlobalAveragePool": 1, "Flatten": 1, "Mul": 1}
        assert share.time_ms > 0
