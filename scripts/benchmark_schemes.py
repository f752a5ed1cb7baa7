"""Measures dynamic-int8, weight-int8 and weight-int4 beside float and onnxruntime's quantize_dynamic, in one run.

The models are those of the tests, with seeded weights: what is measured is time, size and noise at the outputs, not the
accuracy of a task. The figures go to benchmarks/schemes/, as JSON and as a table.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import quantize_dynamic

from edge_sdk.profiles import detect_profile, load_profile
from edge_sdk.quantize import families
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.quantize.variants import choose
from edge_sdk.session import Session, SessionConfig, open_session, runtime_version
from edge_sdk.tensors import Tensors, snr_db
from scripts.benchmarks.peers.exchange import median_ms
from scripts.benchmarks.places import BENCHMARKS
from scripts.benchmarks.race import ROUNDS, RUNS
from scripts.benchmarks.tables import table
from tests.quantize.sequences import cleaned, draw, encoder, matrices, recurrent

FAMILIES = ("dynamic-int8", "weight-int8", "weight-int4")
FLOAT, PEER = "float", "quantize_dynamic"
SAMPLES = 32
MODELS = {
    "LSTM, 128 units, 1 step": lambda: recurrent("LSTM", units=128, features=128, steps=1),
    "LSTM, 64 units, 49 steps": lambda: recurrent("LSTM", units=64, features=40, steps=49),
    "LSTM, 2 x 256 units, 50 steps": lambda: recurrent("LSTM", units=256, features=64, steps=50, directions=2),
    "GRU, 256 units, 50 steps": lambda: recurrent("GRU", units=256, features=64, steps=50),
    "encoder, width 256, 64 tokens": lambda: encoder(width=256, tokens=64, heads=8),
    "3 matrices of 2048, 1 row": lambda: matrices(width=2048),
    "3 matrices of 2048, 64 rows": lambda: matrices(width=2048, rows=64),
}
INTRODUCTION = """# Ranges of each inference, and weights alone

Made by `scripts/bench-schemes`: models with seeded weights (`tests/quantize/sequences.py`), one thread, medians of
calls in turns in one run. Speed is float time divided by the variant's; size is that of the file, divided by the float
file's; noise is the mean signal-to-noise ratio at the output over 32 random inputs. `chosen` is what edge-sdk takes by
itself for a Raspberry Pi 5; work in integers is by the plan for it. `quantize_dynamic` is onnxruntime's own, with
a scale a channel. A large model's speed depends on the cache: other programs slow reading its float weights most.

"""


def main() -> None:
    """Measure, and write the figures down."""
    parser = argparse.ArgumentParser(description="Measure the families without calibrated ranges, as ratios.")
    parser.add_argument("--no-write", action="store_true", help="print the figures, keep nothing")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    figures: dict[str, Any] = {
        "command": "scripts/bench-schemes",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "profile": detect_profile().profile.name,
        "onnxruntime": runtime_version(),
        "models": {name: measured(Graph(cleaned(make()).model)) for name, make in MODELS.items()},
    }
    if arguments.no_write:
        print(json.dumps(figures, indent=2))
    else:
        keep(figures)


def measured(graph: Graph) -> dict[str, Any]:
    """Return what each variant of a model costs and saves."""
    board, samples = load_profile("raspberry-pi-5"), draw(graph, SAMPLES)
    models = {FLOAT: bytes(graph.model.SerializeToString()), PEER: by_onnxruntime(graph)}
    models |= {family: families.emit(family, graph, {}, "minmax") for family in FAMILIES}
    sessions = {name: open_session(model, SessionConfig(threads=1), where=name) for name, model in models.items()}
    expected = [sessions[FLOAT].run(sample)["y"] for sample in samples]
    times = latencies(sessions, samples[0])
    found: dict[str, Any] = {"chosen": choose(board, graph).family}
    for name in (*FAMILIES, PEER):
        noise = [snr_db(wanted, sessions[name].run(one)["y"]) for wanted, one in zip(expected, samples, strict=True)]
        found[name] = {
            "speed": round(times[FLOAT] / times[name], 2),
            "size": round(len(models[name]) / len(models[FLOAT]), 3),
            "noise_db": round(float(np.mean(noise)), 1),
        }
        if name in FAMILIES:
            plan = preview_bytes(models[name], board, name, {})
            found[name]["integer_share"] = round(plan.integer_share, 3)
    return found


def by_onnxruntime(graph: Graph) -> bytes:
    """Return what onnxruntime's own tool makes of a model."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "float.onnx", Path(folder) / "made.onnx"
        onnx.save(graph.model, source)
        quantize_dynamic(source, made, per_channel=True)
        return made.read_bytes()


def latencies(sessions: dict[str, Session], sample: Tensors) -> dict[str, float]:
    """Return the median time of one inference in ms, measured in turns."""
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            times[name].append(median_ms(session.run_bare, sample, RUNS))
    return {name: statistics.median(values) for name, values in times.items()}


def keep(figures: dict[str, Any]) -> None:
    """Write the figures to benchmarks/schemes/, and the newest ones as a table to its README."""
    folder = BENCHMARKS / "schemes"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{figures['profile']}-{figures['date']}.json"
    (folder / name).write_text(json.dumps(figures, indent=2) + "\n")
    where = f"{figures['profile']} (onnxruntime {figures['onnxruntime']})"
    told = f"Measured {figures['date']} on {where}: [{name}]({name}).\n\n"
    (folder / "README.md").write_text(INTRODUCTION + told + "\n".join(scheme_table(figures)) + "\n")


def scheme_table(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table."""
    body = [
        (model, told["chosen"], name, f"{one['speed']:.2f}", f"{one['size']:.1%}", f"{one['noise_db']:.1f}",
         f"{one['integer_share']:.0%}" if "integer_share" in one else "")
        for model, told in figures["models"].items()
        for name, one in told.items()
        if name != "chosen"
    ]  # fmt: skip
    yield from table(("model", "chosen", "variant", "speed", "size", "noise, dB", "work in integers"), body)


if __name__ == "__main__":
    main()
