"""What edge-sdk costs: memory of calibrating, start-up of the command, and the runtime's own time a frame."""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks.places import ASSETS, CLI, ROOT

_STARTS = 18

_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import collect
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.measure import open_float

def peak():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) / 1024

graph = Graph(clean_model(load_model(Path(sys.argv[1])), where="m", max_opset=21))
name = graph.inputs[0]
sample = {name: np.random.default_rng(0).standard_normal(graph.shapes[name], np.float32)}
session = open_float(graph)
session.run(sample)
before = peak()
collect(graph, families.tensors_to_calibrate(["arm-int8"], graph), lambda: (sample for _ in range(200)))
print(before, peak() - before)
"""


def calibration_memory() -> dict[str, float]:
    """Return how far calibrating with 200 samples raises the peak of memory above the loaded, run model, in MB."""
    figures = {}
    chosen = [ASSETS / f"models/{name}.onnx" for name in ("mobilenet_v2_1.0_224", "nanodet_m_416")]
    for path in [*chosen, ROOT / "examples/parts/detector.onnx"]:
        if path.is_file():
            call = [sys.executable, "-c", _MEMORY, str(path)]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            figures[path.stem] = round(float(done.stdout.split()[1]), 1)
    return figures


def command_line() -> dict[str, float]:
    """Return start-up times in seconds: the median of some fresh processes, in turns."""
    python = [sys.executable]
    calls = {
        "python": [*python, "-c", "pass"],
        "edge-sdk --help": [str(CLI), "--help"],
        "numpy, onnxruntime, cv2": [*python, "-c", "import numpy, onnxruntime, cv2"],
        "edge_sdk.runtime too": [*python, "-c", "import numpy, onnxruntime, cv2, edge_sdk.runtime"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's threads spin when it is imported, which has no part in this
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_STARTS):
        for name, call in calls.items():
            start = time.perf_counter()
            subprocess.run(call, capture_output=True, check=True, env=environment)
            times[name].append(time.perf_counter() - start)
    return {f"{name}, s": round(statistics.median(values), 3) for name, values in times.items()}


def runtime(profile: str) -> dict[str, Any]:
    """Return what `edge-sdk bench` says of the demo detector on this machine."""
    examples = ROOT / "examples/parts"
    if not (examples / "detector.onnx").is_file():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "parts.edge"
        quantize = [str(CLI), "quantize", str(examples / "detector.onnx"), "-p", profile, "--calibration",
                    str(examples / "calibration"), "--resize", "letterbox", "--class-names",
                    str(examples / "labels.txt"), "-o", str(package)]  # fmt: skip
        subprocess.run(quantize, capture_output=True, check=True)
        call = [str(CLI), "bench", str(package), "--frames", "300", "--json"]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    return {"command": shlex.join(["edge-sdk", *call[1:2], "parts.edge", *call[3:]]), **json.loads(done.stdout)}
