from __future__ import annotations

import json
import logging

import pytest

from edge_sdk.cli import main
from edge_sdk.errors import GateError, InputError
from edge_sdk.package import open_package, write_package
from edge_sdk.package.certificate import Certificate, CertifiedRow, read_certificate, with_certificate
from edge_sdk.profiles import load_profile
from edge_sdk.runtime import Pipeline
from edge_sdk.session import runtime_version
from tests.runtime.swap import candidates

BOARD = load_profile("raspberry-pi-5")


def record(version=None, failures=None, **others):
    row = {
        "variant": "fp32",
        "engine": "onnxruntime",
        "outcome": "ran",
        "versions": {"onnxruntime": version or runtime_version()},
        "failures": failures or {},
    }
    return json.dumps({"rows": [row], "schema": 1, "of_newer_versions": 1, **others}).encode()


def certified(folder, certificate, **others):
    plain = open_package(candidates.write(folder / "plain.edge", candidates.colors(), **others))
    write_package(folder / "certified.edge", *with_certificate(plain, certificate))
    return open_package(folder / "certified.edge")


def test_a_package_is_certified_and_the_same_again_gives_the_same_bytes(tmp_path, monkeypatch):
    plain = candidates.write(tmp_path / "plain.edge", candidates.colors())
    for name in ("one", "two"):
        words = ["parity", str(plain), "-e", "onnxruntime", "--certify", str(tmp_path / f"{name}.edge")]
        monkeypatch.setattr("sys.argv", ["edge-sdk", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    assert (tmp_path / "one.edge").read_bytes() == (tmp_path / "two.edge").read_bytes()
    package = open_package(tmp_path / "one.edge")
    assert read_certificate(package).covered("fp32") == (runtime_version(),)
    with Pipeline.open(package, BOARD, certified=True) as pipeline:
        assert pipeline.opened.certified


def test_a_certificate_is_replaced_by_a_new_one(tmp_path):
    old = certified(tmp_path, record("1.23.0"))
    write_package(tmp_path / "new.edge", *with_certificate(old, record("1.24.0")))
    assert read_certificate(open_package(tmp_path / "new.edge")).covered("fp32") == ("1.24.0",)


def test_a_version_is_covered_by_its_minor_one_and_a_failure_covers_nothing():
    row = CertifiedRow("fp32", "onnxruntime", "ran", {"onnxruntime": "1.32.0"}, {})
    told = Certificate((row, CertifiedRow("arm-int8", "onnxruntime", "ran", {"onnxruntime": "1.32.0"}, {"y": "far"})))
    assert [told.covers("fp32", version) for version in ("1.32.1", "1.31.0", "2.32.0")] == [True, False, False]
    assert not told.covers("arm-int8", "1.32.0")


def test_without_a_certificate_a_package_runs_unless_one_is_required(tmp_path):
    package = open_package(candidates.write(tmp_path / "plain.edge", candidates.colors()))
    with Pipeline.open(package, BOARD) as pipeline:
        assert pipeline.opened.family == "fp32"
    with pytest.raises(GateError, match=rf"a certificate of fp32 for onnxruntime {runtime_version()}, got none"):
        Pipeline.open(package, BOARD, certified=True)


def test_a_runtime_that_is_not_covered_must_give_the_golden_outputs(tmp_path, caplog):
    package = certified(tmp_path, record("1.10.0"))
    with caplog.at_level(logging.WARNING), Pipeline.open(package, BOARD):
        assert "its golden samples hold" in caplog.text
    with pytest.raises(GateError, match=r"got one for 1\.10\.0"):
        Pipeline.open(package, BOARD, certified=True)


def test_a_runtime_that_is_not_covered_and_computes_otherwise_is_refused(tmp_path):
    package = certified(tmp_path, record("1.10.0"), golden_of=candidates.colors(-10.0))
    with pytest.raises(GateError, match="expected the golden outputs at 30 dB or better"):
        Pipeline.open(package, BOARD)


def test_a_covered_runtime_is_believed(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), Pipeline.open(certified(tmp_path, record()), BOARD, certified=True):
        assert caplog.text == ""


@pytest.mark.parametrize(
    ("certificate", "message"),
    [(b"{", "expected JSON"), (b"{}", "rows"), (record(schema=9), "expected schema 1, got 9")],
)
def test_a_certificate_that_cannot_be_read_is_told(tmp_path, certificate, message):
    with pytest.raises(InputError, match=message):
        Pipeline.open(certified(tmp_path, certificate), BOARD)
