"""`scripts/bench`: what edge-sdk claims, beside onnxruntime's own quantizer, in one run.

Every figure of speed is a ratio between two things measured in turns in the same process, so that a busy machine slows
both. Accuracy is paired: the same samples through both. The figures go to benchmarks/<profile>/<date>.json, with the
command and the versions, and as a table to benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import edge_sdk
from edge_sdk.package import open_package
from edge_sdk.profiles import detect_profile
from edge_sdk.session import Session, host_config, open_session
from scripts.benchmarks.case import Case, prepare_case
from scripts.benchmarks.costs import calibration_memory, command_line, runtime
from scripts.benchmarks.models import is_here, model_table, open_model
from scripts.benchmarks.overview_page import page
from scripts.benchmarks.peers.exchange import median_ms, read_feeds
from scripts.benchmarks.peers.onnxruntime_static import Reader
from scripts.benchmarks.pixels import pixels
from scripts.benchmarks.places import ASSETS, BENCHMARKS, CLI

ROUNDS, RUNS = 9, 12


def main(words: Sequence[str]) -> None:
    """Measure, and write the figures down."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure edge-sdk beside onnxruntime's own quantizer, as ratios."
    )
    parser.add_argument("--models", nargs="*", help="names in benchmarks/models.toml; all if left out")
    parser.add_argument("--no-write", action="store_true", help="print the figures, keep nothing")
    arguments = parser.parse_args(words)
    profile = detect_profile().profile.name
    figures: dict[str, Any] = {
        "command": "scripts/bench",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "profile": profile,
        "machine": {"cores": os.cpu_count(), "arch": platform.machine()},
        "versions": {
            "edge_sdk": edge_sdk.__version__,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
        "classifiers": {name: row for name, row in classifiers(arguments.models, profile)},
        "calibration_memory": calibration_memory(),
        "command_line": command_line(),
        "runtime": runtime(profile),
        "pixels": pixels(profile),
    }
    print(json.dumps(figures, indent=2))
    if not arguments.no_write:
        keep(figures)


def classifiers(names: list[str] | None, profile: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of each classifier of the assets."""
    table = model_table("models.toml")
    for name in names or table:
        if not is_here(table[name]):
            print(f"skipped {name}: no test assets in {ASSETS}", file=sys.stderr)
            continue
        print(f"measuring {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            yield name, classifier(prepare_case(open_model(name, table[name], Path(folder)), Path(folder)), profile)


def classifier(case: Case, profile: str) -> dict[str, Any]:
    """Return the figures of one classifier: ours for an ARM board and for this machine, and onnxruntime's own."""
    folder = case.calibration.parent
    start = time.perf_counter()
    for board in ("raspberry-pi-5", profile):
        call = [str(CLI), "quantize", str(case.model.path), "-p", board, *case.model.arguments,
                "-o", str(folder / f"{board}.edge"), "--name", "m", "--no-cache", "--json"]  # fmt: skip
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"refused": done.stderr.strip(), "exit_code": done.returncode}
        if board == "raspberry-pi-5":
            seconds, report = time.perf_counter() - start, json.loads(done.stdout)
    peers = {
        "quantize_static": quantize_by_onnxruntime(case, folder / "peer.onnx", per_channel=False),
        "quantize_static per channel": quantize_by_onnxruntime(case, folder / "channel.onnx", per_channel=True),
    }
    family, here = open_package(folder / f"{profile}.edge").model_for(detect_profile().profile)
    sessions = {
        "float": open_session(case.model.path, host_config(), where="float"),
        family: open_session(here, host_config(), where=family),
        **{name: open_session(path, host_config(), where=name) for name, path in peers.items()},
    }
    latency = latencies(sessions)
    variant = report["variants"][0]
    accuracy = variant["accuracy"]
    return {
        "samples": accuracy["samples"],
        "float": round(accuracy["float_value"], 2),
        "drop_points": round(accuracy["float_value"] - accuracy["value"], 2),
        "drop_interval": [round(accuracy["drop_low"], 2), round(accuracy["drop_high"], 2)],
        "agreement": round(accuracy["agreement"], 4),
        "size_ratio": round(variant["size_ratio"], 4),
        "integer_share": round(variant["plans"][0]["integer_share"], 4),
        "layers_returned": len(variant["returned"]),
        "quantize_seconds": round(seconds, 1),
        "latency_ratio_to_float": {name: round(ms / latency["float"], 3) for name, ms in latency.items()},
        "latency_ratio_to_quantize_static": round(latency[family] / latency["quantize_static"], 3),
        "peers": {name: accuracy_of(sessions[name], sessions["float"], case) for name in peers},
    }


def quantize_by_onnxruntime(case: Case, to: Path, *, per_channel: bool) -> Path:
    """Quantize with onnxruntime's own tool: documented preprocessing, defaults, the same samples."""
    prepared = to.with_suffix(".prepared.onnx")
    quant_pre_process(str(case.model.path), str(prepared), skip_symbolic_shape=True)
    quantize_static(str(prepared), str(to), Reader(str(case.calibration)), per_channel=per_channel)
    return to


def accuracy_of(session: Session, reference: Session, case: Case) -> dict[str, float]:
    """Return agreement and drop of a peer's model on the samples that ours was measured on."""
    accuracy = case.compare(
        *(case.decode_all(map(one.run, read_feeds(case.evaluation))) for one in (reference, session))
    )
    return {
        "agreement": round(accuracy.agreement, 4),
        "drop_points": round((accuracy.float_value or 0) - (accuracy.value or 0), 2),
    }


def latencies(sessions: dict[str, Session]) -> dict[str, float]:
    """Return the median time of one inference in ms, measured in turns."""
    inputs = {name: noise(session) for name, session in sessions.items()}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            times[name].append(median_ms(session.run_bare, inputs[name], RUNS))
    return {name: statistics.median(values) for name, values in times.items()}


def noise(session: Session) -> dict[str, np.ndarray]:
    """Return inputs that fit a model, always the same."""
    random = np.random.default_rng(0)
    shapes = {spec: [size if isinstance(size, int) else 1 for size in spec.shape] for spec in session.inputs}
    return {spec.name: random.integers(0, 256, shape).astype(spec.dtype) for spec, shape in shapes.items()}


def keep(figures: dict[str, Any]) -> None:
    """Write the figures to benchmarks/, and the newest ones as tables to its README."""
    folder = BENCHMARKS / figures["profile"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{figures['date']}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    (BENCHMARKS / "README.md").write_text(page(figures, path.relative_to(BENCHMARKS)))
    print(f"wrote {path}", file=sys.stderr)
