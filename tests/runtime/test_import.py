"""A board starts fast: importing the runtime loads what every run needs, and costs little beside NumPy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
start_s = time.thread_time()  # the threads of NumPy's BLAS spin for a while
import numpy
numpy_s = time.thread_time() - start_s
before = set(sys.modules)
import edge_sdk.runtime
ours_s = time.thread_time() - start_s - numpy_s
print(ours_s / numpy_s, *set(sys.modules) - before)
"""
HEAVY = {"cv2", "onnx", "onnxruntime", "rich", "typer"}
RARE = {"csv", "difflib", "shutil", "tempfile", "tomllib", "zipfile", "edge_sdk.runtime.bench"}
CHOSEN = ("edge_sdk.runtime.sources.", "edge_sdk.runtime.sinks.")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The cost beside NumPy of some imports, compiled before as on a board, and the modules that each one loaded."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROGRAM]
    outputs = [subprocess.check_output(command, text=True, env=environment).split() for _ in range(6)]
    return [(float(ratio), set(loaded)) for ratio, *loaded in outputs[1:]]


def test_importing_the_runtime_loads_nothing_heavy_or_rare(runs):
    _, loaded = runs[0]
    assert "edge_sdk.runtime.loop" in loaded
    assert loaded & (HEAVY | RARE) == set()


def test_sources_and_sinks_are_imported_when_they_are_chosen(runs):
    _, loaded = runs[0]
    assert {name.rpartition(".")[2] for name in loaded if name.startswith(CHOSEN)} <= {"record", "sensor"}


def test_importing_the_runtime_costs_little(runs):
    """The count is the same everywhere; the time is 0.6 to 1.2 times NumPy's, by the machine."""
    assert len({name for name in runs[0][1] if name.startswith("edge_sdk")}) <= 70
    assert min(ratio for ratio, _ in runs) < 2
