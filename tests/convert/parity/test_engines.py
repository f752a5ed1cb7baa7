"""Each engine on a small network. Those of other environments run where `scripts/engines` has made these."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_sdk.convert.engines import ENGINES
from edge_sdk.convert.engines.child import read_feeds, write_feeds
from edge_sdk.convert.engines.launch import FOLDER_VARIABLE, find_places
from edge_sdk.convert.parity import ParityRequest, compare_engines

NET = """(float[1,3,16,16] x) => (float[1,4] y) <float[4,3,3,3] w = {%s}, float[4] b = {0.1, -0.2, 0.3, 0}> {
    a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]>(x, w, b)
    c = Relu(a)
    d = GlobalAveragePool(c)
    y = Flatten(d)
}"""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("engines") / "m.onnx"
    weights = ", ".join(f"{0.1 * (i % 7) - 0.25:.2f}" for i in range(108))
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 13]> m {NET % weights}'), path)
    return path


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "reference"])
def test_an_engine_agrees_on_a_small_network(net, engine):
    if find_places({}).python(engine) is None:
        pytest.skip(f"{engine} is not installed: scripts/engines makes its environment")
    (row,) = compare_engines(ParityRequest(net, (engine,), samples=2)).rows
    assert (row.outcome, row.reason) == ("ran", "")
    assert row.versions
    assert (row.outputs[0].output, row.failures) == ("y", {})
    assert row.outputs[0].snr_db > 80


def test_an_engine_is_looked_for_by_hand_then_in_the_folder_then_here(tmp_path, monkeypatch):
    python = tmp_path / "tvm/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert find_places({}).python("tvm") == python
    assert find_places({"tvm": Path(sys.executable)}).python("tvm") == Path(sys.executable)
    assert find_places({}).python("onnxruntime") == Path(sys.executable)
    assert {"reference", "onnxruntime", "opencv", "tvm"} <= set(find_places({}).installed())
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert find_places({}).python("opencv") == Path(sys.executable)


def test_a_child_of_another_environment_sees_nothing_of_this_one(net, tmp_path, monkeypatch):
    python = tmp_path / "tvm/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >"$HOME/../told"\necho "${PYTHONPATH-none}" >>"$HOME/../told"\nexit 3\n')
    python.chmod(0o755)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (row,) = compare_engines(ParityRequest(net, ("tvm",), pythons={"tvm": python})).rows
    assert (row.outcome, row.reason) == ("crashed", "crashed: exit code 3")
    words, path = (tmp_path / "told").read_text().splitlines()
    assert words.startswith("-I ")
    assert path == "none"


def test_all_that_models_give_passes_between_processes(tmp_path):
    feeds = [
        {"a:b/c": np.float16([1.5]), "text": np.array(["x", "yy"], object)},
        {"a:b/c": np.float16([2]), "text": np.array(["", "z"], object)},
    ]
    write_feeds(tmp_path / "f.npz", [{**feed, "scalar": np.array(3)} for feed in feeds])
    again = read_feeds(tmp_path / "f.npz")
    assert [list(feed["text"]) for feed in again] == [["x", "yy"], ["", "z"]]
    assert again[1]["a:b/c"].dtype == np.float16
    assert (again[0]["scalar"], again[0]["text"].dtype) == (3, object)


def test_the_reference_normalizes_by_the_file_s_statistics_in_old_operator_sets_too(tmp_path):
    text = """(float[1,2,3,3] x) => (float[1,2,3,3] y)
    <float[2] s = {1, 2}, float[2] b = {0, 1}, float[2] m = {5, -5}, float[2] v = {4, 9}> {
        y = BatchNormalization<momentum = 0.9>(x, s, b, m, v)
    }"""
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 9]> m {text}'), tmp_path / "m.onnx")
    report = compare_engines(ParityRequest(tmp_path / "m.onnx", ("onnxruntime-plain",)))
    assert report.subjects[0].oracle == "reference"
    assert report.rows[0].failures == {}
