"""How much sooner a frame's result is there if the variant takes pixels instead of normalized floats."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from edge_sdk.package import open_package
from edge_sdk.runtime import Pipeline
from scripts.benchmarks.models import is_here, model_table, open_model
from scripts.benchmarks.places import CLI, ROOT

_FRAMES = 300


def pixels(profile: str) -> dict[str, dict[str, float]]:
    """Return, for each model of pictures, the times with floats and with pixels, and their ratio."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, call in _picture_models(Path(folder)):
            print(f"measuring pixels of {name}", file=sys.stderr)
            packages = {kind: Path(folder) / f"{kind}.edge" for kind in ("float", "pixels")}
            for kind, package in packages.items():
                done = [str(CLI), "quantize", *call, "-p", profile, "--input", kind, "-o", str(package)]
                subprocess.run(done, capture_output=True, check=True)
            figures[name] = _frame_to_result(packages)
    return figures


def _picture_models(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the models of pictures: the demo's own, and those of the assets, each with what quantizing it takes."""
    parts = ROOT / "examples/parts"
    yield "demo_detector", [str(parts / "detector.onnx"), "--calibration", str(parts / "calibration"), "--resize",
                            "letterbox", "--class-names", str(parts / "labels.txt")]  # fmt: skip
    for name, entry in model_table("models.toml").items():
        if entry.get("calibration", "").startswith("images/") and is_here(entry):
            model = open_model(name, entry, folder)
            yield name, [str(model.path), *model.arguments]


def _frame_to_result(packages: dict[str, Path]) -> dict[str, float]:
    """Return the median times in ms from a frame of 1280x720 to the outputs, measured in turns, and their ratio."""
    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    times: dict[str, list[float]] = {kind: [] for kind in packages}
    with ExitStack() as stack:
        opened = {kind: stack.enter_context(Pipeline.open(open_package(path))) for kind, path in packages.items()}
        for _ in range(_FRAMES):
            for kind, pipeline in opened.items():
                start = time.perf_counter()
                pipeline.session.run(pipeline.prepare(frame)[0])
                times[kind].append((time.perf_counter() - start) * 1e3)
    medians = {f"{kind}_ms": round(statistics.median(values), 3) for kind, values in times.items()}
    return {**medians, "times_as_fast": round(medians["float_ms"] / medians["pixels_ms"], 3)}
