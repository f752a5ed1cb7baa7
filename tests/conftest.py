"""What tests of several rooms start from."""

from __future__ import annotations

import sys

import pytest
from hypothesis import settings

from edge_sdk.package import Accuracy, FileEntry, Manifest, Provenance, Variant, write_package
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import TensorSpec

# x + 1 over float32 [1, 2], opset 13, IR 8: made by onnx once, kept as bytes so that goldens do not hang on its version
_MODEL = bytes.fromhex(
    "080812003a500a100a01780a036f6e6512017922034164641201672a0f0801100122040000803f42036f6e65"
    "5a130a0178120e0a0c080112080a0208010a02080262130a0179120e0a0c080112080a0208010a02080242040a00100d"
)

settings.register_profile("edge-sdk", deadline=None)  # a busy machine is no mistake
settings.load_profile("edge-sdk")


@pytest.fixture
def contents():
    """The files of a small package, by name."""
    return {
        "golden/arm-int8.npz": b"golden of arm-int8",
        "golden/fp32.npz": b"golden of fp32",
        "labels.txt": b"cat\ndog\n",
        "report.html": b"<!doctype html>\n",
        "report.json": b"{}\n",
        "variants/arm-int8/model.onnx": _MODEL,
        "variants/fp32/model.onnx": _MODEL,
    }


@pytest.fixture
def manifest(contents):
    """The manifest of the small package."""
    entries = {name: FileEntry.of(name, data) for name, data in contents.items()}
    measured = Accuracy("top-1", 91.5, 91.25, -0.1, 0.6, 0.985, 400)
    variants = {
        family: Variant(
            model=entries[f"variants/{family}/model.onnx"],
            opset=13,
            ir=8,
            integer_share=share,
            accuracy=accuracy,
            golden=entries[f"golden/{family}.npz"],
            min_snr_db=30.0,
        )
        for family, share, accuracy in (("fp32", 0.0, None), ("arm-int8", 0.97, measured))
    }
    return Manifest(
        name="tiny",
        version=7,
        task=TaskSpec("classification", top_k=1),
        inputs=(TensorSpec("x", "float32", (1, 2)),),
        outputs=(TensorSpec("y", "float32", (1, 2)),),
        labels=("cat", "dog"),
        preprocess=Preprocess(image=ImageSteps(size_wh=(48, 32))),
        variants=variants,
        provenance=Provenance(
            "5" * 64, "c" * 64, 128, ("raspberry-pi-5",), {"onnxruntime": "1.32.0", "edge-sdk": "0.1.0"}
        ),
        files=tuple(entries[name] for name in ("labels.txt", "report.json", "report.html")),
    )


@pytest.fixture
def package_path(tmp_path, manifest, contents):
    """The small package, written."""
    path = tmp_path / "tiny-7.edge"
    write_package(path, manifest, contents)
    return path


@pytest.fixture
def edge_sdk(monkeypatch, capsys):
    """Run `edge-sdk` as people type it; return its exit code, stdout and stderr."""
    from edge_sdk.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run
