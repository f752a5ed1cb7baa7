"""A board starts fast: importing the runtime loads what every run needs, and costs little beside NumPy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
start_s = time.process_time()
import numpy
numpy_s = time.process_time() - start_s
before = set(sys.modules)
import edge_sdk.runtime
ours_s = time.process_time() - start_s - numpy_s
print(ours_s / numpy_s, *set(sys.modules) - before)
"""
HEAVY = {"cv2", "onnx", "onnxruntime", "rich", "typer"}
RARE = {"csv", "difflib", "shutil", "tempfile", "tomllib", "zipfile", "edge_sdk.runtime.bench"}
CHOSEN = ("edge_sdk.runtime.sources.", "edge_sdk.runtime.sinks.")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the words of some runs with compiled modules, as an installed package has them."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROGRAM]
    outputs = [subprocess.check_output(command, env=environment, text=True) for _ in range(6)]
    return [output.split() for output in outputs]


def test_importing_the_runtime_loads_nothing_heavy_or_rare(runs):
    _, *loaded = runs[0]
    assert "edge_sdk.runtime.loop" in loaded
    assert (HEAVY | RARE).intersection(loaded) == set()


def test_sources_and_sinks_are_imported_when_they_are_chosen(runs):
    _, *loaded = runs[0]
    assert {name.rpartition(".")[2] for name in loaded if name.startswith(CHOSEN)} == {"record"}


def test_importing_the_runtime_costs_little_beside_numpy(runs):
    _, *compiled = runs  # the first one compiles
    assert min(float(ratio) for ratio, *_ in compiled) < 0.5
