"""`edge-sdk doctor` on this machine: trouble first, each with its cure; JSON; exit codes."""

from __future__ import annotations

import json
import sys

import pytest

from edge_sdk.cli import main
from edge_sdk.cli.doctor import _lines, require_health
from edge_sdk.doctor import Diagnosis, Finding
from edge_sdk.errors import GateError

DIAGNOSIS = Diagnosis(
    "raspberry-pi-5",
    (
        Finding("memory", "ok", "3000 MiB free"),
        Finding("import gi", "not here", "not installed", "sudo apt install python3-gi"),
        Finding("clock", "warning", "kept right\nby nobody", "sudo timedatectl set-ntp true"),
        Finding("import numpy", "failed", "killed by SIGILL", "export OPENBLAS_CORETYPE=ARMV8"),
    ),
)


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Run the command; return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", "doctor", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_trouble_comes_first_each_with_its_cure():
    assert list(_lines(DIAGNOSIS)) == [
        "raspberry-pi-5: 1 failed, 1 warning, 1 ok",
        "",
        "FAILED  import numpy: killed by SIGILL",
        "        cure: export OPENBLAS_CORETYPE=ARMV8",
        "",
        "warning  clock: kept right by nobody",
        "         cure: sudo timedatectl set-ntp true",
        "",
        "ok        memory     3000 MiB free",
        "not here  import gi  not installed",
    ]


def test_what_fails_is_an_error_with_the_first_cure():
    message = r"^board: expected nothing that fails, got import numpy$"
    with pytest.raises(GateError, match=message) as got:
        require_health(DIAGNOSIS)
    assert (got.value.exit_code, got.value.hint) == (6, "export OPENBLAS_CORETYPE=ARMV8")


def test_json_is_the_record(doctor):
    code, out, err = doctor("--json")
    findings = {one["name"]: one for one in json.loads(out)["findings"]}
    failed = [name for name, one in findings.items() if one["state"] == "failed"]
    assert (code, failed) == ((6, failed) if failed else (0, []))
    assert findings["import numpy"]["state"] == "ok"
    assert {"board", "clock", "memory", "processors", "disk for results"} <= findings.keys()
    assert err.startswith("error: board: ") if failed else err == ""


def test_a_promise_that_this_machine_cannot_keep_fails_with_its_cure(doctor):
    code, out, err = doctor("--profile", "jetson-orin-nano")
    assert code == 6
    assert "FAILED  providers: jetson-orin-nano promises TensorrtExecutionProvider" in out
    assert "error: board: expected nothing that fails, got " in err
    assert "providers" in err


def test_without_numpy_the_rest_is_examined(doctor, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, out, _ = doctor("--json")
    findings = {one["name"]: one for one in json.loads(out)["findings"]}
    assert (code, findings["import numpy"]["state"]) == (6, "failed")
    assert "SIGILL" in findings["import numpy"]["evidence"]
    assert (findings["memory"]["state"], findings["clock"]["name"]) == ("not here", "clock")
