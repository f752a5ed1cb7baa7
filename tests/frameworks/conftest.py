"""Each file here needs a framework: `scripts/test --frameworks` makes an environment for each; elsewhere it is skipped.

What is trained here is trained on the digits that ship with scikit-learn: 1797 pictures of 8 x 8 pixels.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_sdk.convert.fit import fit_model
from edge_sdk.convert.job import convert
from edge_sdk.convert.process import SourceProcess
from edge_sdk.convert.prove import prove
from edge_sdk.convert.recognise import recognise
from edge_sdk.convert.record import ConvertRequest, Order
from edge_sdk.session import host_config, open_session

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other by spinning starve on a busy machine

TRAINED = 1200
"""The first digits are for training, the others are the test set."""


def read_digits():
    """Return pixels from 0 to 1 [1797, 64] and classes [1797]."""
    datasets = pytest.importorskip("sklearn.datasets")
    pixels, classes = datasets.load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32), classes


@pytest.fixture(scope="session")
def digits():
    """Return what `read_digits` does."""
    return read_digits()


@pytest.fixture
def source_of():
    """Return a function that gives the path of a source model of the assets by its name, or skips."""
    root = Path(os.environ.get("EDGE_SDK_ASSETS", Path(__file__).parents[3] / "shared" / "assets"))

    def find(name):
        path = root / "models" / "sources" / name
        if not path.exists():
            pytest.skip(f"no {name} in EDGE_SDK_ASSETS")
        return path

    return find


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """Convert a source; return the report and a function that runs the ONNX model."""

    def run(source, **options):
        own = {
            key: options.pop(key)
            for key in ("framework", "inputs", "samples", "tolerance", "preprocess", "labels") & options.keys()
        }
        monkeypatch.chdir(tmp_path)
        out = tmp_path / "model.onnx"
        report = convert(ConvertRequest(order=Order(source=str(source), **options), **own), out)
        return report, open_session(out, host_config(), where="converted").run

    return run


@pytest.fixture
def spoilt(tmp_path, monkeypatch):
    """Compare a source with its ONNX model after a function has broken that; return the parity."""

    def run(source, spoil):
        monkeypatch.chdir(tmp_path)
        request = ConvertRequest(order=Order(source=str(source)))
        with SourceProcess(request, recognise(str(source))) as child:
            exported, facts = child.export()
            model = fit_model(exported.model, opset=request.order.opset, max_ir=request.max_ir, where="spoilt")
            spoil(model.graph)
            return prove(request, child, model, facts)

    return run


def pad_wrongly(graph, nth=0):
    """Shift what a convolution of 3 x 3 sees: all its padding stands above and to the left."""
    convolution = [node for node in graph.node if node.op_type == "Conv"][nth]
    kept = [one for one in convolution.attribute if one.name not in {"auto_pad", "pads"}]
    del convolution.attribute[:]
    convolution.attribute.extend(kept)
    convolution.attribute.add(name="pads", type=7, ints=[2, 2, 0, 0])
