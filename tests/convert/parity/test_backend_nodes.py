"""The ONNX project's own node cases, generated when the test runs: what its authors expect, on the engines here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from edge_sdk.convert.engines import ENGINES
from edge_sdk.convert.engines import launch as launching
from edge_sdk.convert.engines.child import read_feeds
from edge_sdk.convert.engines.launch import Job
from edge_sdk.convert.parity.numbers import Tolerance, compare_outputs

TABLE = json.loads((Path(__file__).parents[2] / "cases/parity/backend_nodes.json").read_text())
NAMES = [name for names in TABLE["cases"].values() for name in names]
PICKED = {f"test_{name}" for name in NAMES}
HERE = ("reference", "onnxruntime", "onnxruntime-plain", "opencv")
BATCH = """import sys; from pathlib import Path; from edge_sdk.convert.engines.child import main
for f in sys.argv[1:]: print(f, flush=True); main(Path(f))"""


def only_picked(cls, _name, _bases, members):
    """Make the picked cases of a class of ONNX's generator, which would make all: some of those take many seconds."""
    for key, member in members.items():
        if key.startswith("export") and PICKED.intersection(map(str, member.__func__.__code__.co_consts)):
            np.random.seed(0)
            getattr(cls, key)()


def cases():
    """Yield each picked case with its model, inputs and expected outputs."""
    from onnx.backend.test.case import base, node

    with mock.patch.object(base._Exporter, "__init__", only_picked):
        for module in TABLE["cases"]:
            importlib.import_module(f"onnx.backend.test.case.node.{module}")
    found = {case.name.removeprefix("test_"): case for case in node._NodeTestCases}
    assert sorted(set(NAMES) - set(found)) == [], "cases that ONNX's generator no longer makes under these names"
    for name in NAMES:
        case = found[name]
        ((inputs, outputs), *_) = case.data_sets
        given = dict(zip((entry.name for entry in case.model.graph.input), map(np.asarray, inputs), strict=True))
        wanted = dict(zip((entry.name for entry in case.model.graph.output), map(np.asarray, outputs), strict=True))
        yield name, case.model, given, wanted


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    expected = {}
    for name, model, given, wanted in cases():
        expected[name] = wanted
        for engine in HERE:
            own = folder / engine / name
            own.mkdir(parents=True)
            shapes = {output: array.shape for output, array in wanted.items()}
            launching._write_job(own, ENGINES[engine], Job(model.SerializeToString(), [given], shapes, 60))
    return folder, expected


def outcome(folder, expected):
    """Return `agrees`, or why not."""
    if not (folder / "answer.json").is_file():
        return "crashed"
    if json.loads((folder / "answer.json").read_text())["refused"]:
        return "refused"
    told = compare_outputs([expected], read_feeds(folder / "outputs.npz"))
    return "differs" if any(map(Tolerance().failure, told)) else "agrees"


def test_sixty_cases_and_more_are_picked():
    assert len(NAMES) == len(set(NAMES)) >= 60


def run_all(folder):
    """Run all cases of an engine; what crashes takes its process along, and the rest go on in another one."""
    left = [str(folder / name) for name in NAMES]
    while left:
        command = [sys.executable, "-c", BATCH, *left]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        reached = [line for line in done.stdout.splitlines() if line in left]
        left = left[left.index(reached[-1]) + 1 :] if done.returncode else []


@pytest.mark.parametrize("engine", HERE)
def test_an_engine_computes_what_the_onnx_project_expects(prepared, engine):
    folder, expected = prepared
    run_all(folder / engine)
    found = {name: outcome(folder / engine / name, expected[name]) for name in NAMES}
    wrong = {name: how for name, how in found.items() if how in {"differs", "crashed"}}
    assert wrong.items() <= TABLE["known"].get(engine, {}).items(), "a newer version may be right where this one is not"
    assert list(found.values()).count("agrees") >= 60
