from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.package import open_package
from edge_sdk.package.golden import Golden
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import QuantRequest
from edge_sdk.quantize.make import Made
from edge_sdk.quantize.packing import pack
from edge_sdk.quantize.source import open_source
from tests.quantize import reports
from tests.quantize.cards import build_classifier, save

GOLDEN = Golden({"input:x": np.zeros((2, 1, 3, 24, 32), np.float32), "output:y": np.ones((2, 1, 3), np.float32)}, 17.5)
REPORT = replace(reports.REPORT, advice=())  # its variants differ from test to test
ARM, FLOAT = REPORT.variants[0], REPORT.variants[2]
PLAN = ARM.plans[0]


@pytest.fixture
def source(tmp_path):
    model = save(build_classifier(), tmp_path / "m.onnx")
    return open_source(QuantRequest(model, (load_profile("raspberry-pi-5"),), "data"))


def made(source, *families):
    model = source.graph.model.SerializeToString()
    return [Made(family, model, ARM.accuracy, (), GOLDEN) for family in families]


def test_a_package_holds_variants_goldens_and_the_report(source, tmp_path):
    report = replace(REPORT, variants=(replace(ARM, plans=(PLAN, replace(PLAN, integer_share=0.6))), FLOAT))
    pack(tmp_path / "p.edge", source, made(source, "arm-int8", "fp32"), report)
    package = open_package(tmp_path / "p.edge")
    assert [entry.name for entry in package.files] == [
        "manifest.json",
        "golden/arm-int8.npz",
        "golden/fp32.npz",
        "report.html",
        "report.json",
        "variants/arm-int8/model.onnx",
        "variants/fp32/model.onnx",
    ]
    arm, other = (package.manifest.variants[family] for family in ("arm-int8", "fp32"))
    assert (arm.integer_share, other.integer_share) == (0.6, 0.0), "the least of the boards; none without a plan"
    assert (arm.opset, arm.ir, arm.min_snr_db) == (source.graph.opset, source.graph.model.ir_version, 17.5)


def test_goldens_are_plain_arrays(source, tmp_path):
    pack(tmp_path / "p.edge", source, made(source, "fp32"), replace(REPORT, variants=(FLOAT,)))
    package = open_package(tmp_path / "p.edge")
    arrays = np.load(io.BytesIO(package.read(package.manifest.variants["fp32"].golden)), allow_pickle=False)
    assert arrays.files == ["input:x", "output:y"]
    np.testing.assert_array_equal(arrays["output:y"], GOLDEN.arrays["output:y"])


def test_class_names_are_a_file_where_there_are_some(source, tmp_path):
    named = replace(source, class_names=("größe", "b", "c"))
    pack(tmp_path / "p.edge", named, made(source, "fp32"), replace(REPORT, variants=(FLOAT,)))
    package = open_package(tmp_path / "p.edge")
    entry = next(entry for entry in package.files if entry.name == "labels.txt")
    assert package.read(entry).decode() == "größe\nb\nc\n"
    assert package.manifest.labels == ("größe", "b", "c")


def test_a_package_that_cannot_be_written_is_told(source, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match=r"/file/p.edge: expected a place to write, got "):
        pack(tmp_path / "file" / "p.edge", source, made(source, "fp32"), replace(REPORT, variants=(FLOAT,)))
