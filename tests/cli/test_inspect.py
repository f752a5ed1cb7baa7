"""`edge-sdk inspect` shows what a package is, and refuses what is none."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from edge_sdk import records
from edge_sdk.cli import main
from edge_sdk.files import sha256_of_file
from edge_sdk.package import write_package
from edge_sdk.preprocess import ImageSteps, Preprocess


@pytest.fixture
def inspect(monkeypatch, capsys):
    """Run the command; return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", "inspect", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_it_shows_what_the_package_is(inspect, package_path):
    code, out, err = inspect(package_path)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == f"tiny 7: classification, {package_path.stat().st_size:,} bytes, every byte checked"
    assert lines[1] == f"digest {sha256_of_file(package_path)}"
    assert "input x float32 [1, 2]" in lines
    assert "labels 2: cat, dog" in lines
    assert "made with edge-sdk 0.1.0, onnxruntime 1.32.0" in lines
    assert any(line.startswith("preprocess image size_wh=[48, 32] resize=stretch") for line in lines)
    assert "arm-int8 92 13 97% top-1 91.50 91.25 -0.10 to +0.60 0.9850 400" in lines
    assert "fp32 92 13 0%" in lines
    assert any(line.startswith("manifest.json 3,") for line in lines)


def test_it_shows_what_a_variant_takes_of_its_own(inspect, tmp_path, manifest, contents):
    pixels = Preprocess(image=ImageSteps(size_wh=(48, 32), color="bgra", divisor=1.0, layout="nhwc", dtype="uint8"))
    variants = {**manifest.variants, "arm-int8": replace(manifest.variants["arm-int8"], preprocess=pixels)}
    write_package(tmp_path / "m.edge", replace(manifest, variants=variants, schema=2), contents)
    _, out, _ = inspect(tmp_path / "m.edge")
    own = next(line for line in out.splitlines() if line.startswith("  arm-int8: image size_wh=[48, 32]"))
    assert "color=bgra" in own
    assert own.endswith("dtype=uint8")


def test_json_is_the_record(inspect, package_path, manifest):
    code, out, _ = inspect(package_path, "--json")
    assert code == 0
    assert json.loads(out) == {
        "digest": sha256_of_file(package_path),
        "size_bytes": package_path.stat().st_size,
        "manifest": json.loads(records.to_json(manifest)),
    }


def test_extract_writes_the_files(inspect, tmp_path, package_path, contents):
    code, out, err = inspect(package_path, "--extract", tmp_path / "out")
    assert (code, err) == (0, f"8 files written to {tmp_path / 'out'}\n")
    assert out.startswith("tiny 7: ")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in contents} == contents


def test_extract_into_a_folder_that_is_there_is_refused(inspect, tmp_path, package_path):
    code, out, err = inspect(package_path, "--extract", tmp_path)
    assert (code, out) == (3, "")
    assert err == f"error: {tmp_path}: expected a new folder, got one that is there already\n"


def test_a_package_that_was_tampered_with_is_refused(inspect, package_path):
    assert inspect(package_path)[0] == 0
    package_path.write_bytes(package_path.read_bytes().replace(b"cat\ndog", b"dog\ncat"))
    code, out, err = inspect(package_path)
    assert (code, out) == (4, "")
    assert err.startswith(f"error: {package_path}: expected labels.txt with SHA-256 ")


def test_a_file_that_is_no_package_is_refused(inspect, tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(100))
    code, out, err = inspect(tmp_path / "model.onnx")
    assert (code, out) == (3, "")
    assert err.startswith(f"error: {tmp_path / 'model.onnx'}: expected a package, which starts with manifest.json, got")


def test_what_a_package_says_cannot_drive_the_terminal(inspect, tmp_path, manifest, contents):
    labels = ("\x1b[2J", "\u202edog", "\x9b31m", "Käse")
    write_package(tmp_path / "x.edge", replace(manifest, labels=labels), contents)
    _, out, _ = inspect(tmp_path / "x.edge")
    assert "labels       4: \ufffd[2J, \ufffddog, \ufffd31m, Käse" in out.splitlines()
