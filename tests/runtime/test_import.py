"""A board starts fast: importing the runtime loads what every run needs, and costs little beside NumPy."""

from __future__ import annotations

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
def runs():
    """The cost beside NumPy of some imports, and the modules that each one loaded."""
    outputs = [subprocess.check_output([sys.executable, "-c", PROGRAM], text=True).split() for _ in range(5)]
    return [(float(ratio), set(loaded)) for ratio, *loaded in outputs]


def test_importing_the_runtime_loads_nothing_heavy_or_rare(runs):
    _, loaded = runs[0]
    assert "edge_sdk.runtime.loop" in loaded
    assert loaded & (HEAVY | RARE) == set()


def test_sources_and_sinks_are_imported_when_they_are_chosen(runs):
    _, loaded = runs[0]
    assert {name.rpartition(".")[2] for name in loaded if name.startswith(CHOSEN)} <= {"record", "sensor"}


def test_importing_the_runtime_costs_no_more_than_numpy(runs):
    assert min(ratio for ratio, _ in runs) < 1.2  # 0.65 where Python may keep what it compiled, else 0.95
