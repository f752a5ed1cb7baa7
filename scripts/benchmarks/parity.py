"""`scripts/bench parity`: each real model on every engine, and why engines diverge: benchmarks/parity.md.

- Engines live in environments of their own, made from the pinned lists in benchmarks/peers/.
- Figures are errors, not times: a busy machine changes none of them. A model that was compared is kept as JSON, and is
  not compared again unless `--fresh` is given.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import wave
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk import records
from edge_sdk.convert.engines import ENGINES
from edge_sdk.convert.parity import ParityReport, ParityRequest, compare_engines
from edge_sdk.convert.parity.report import Layers
from edge_sdk.preprocess import Preprocess
from edge_sdk.quantize.source import open_source
from scripts.benchmarks.case import request_of
from scripts.benchmarks.environments import peer_python, pins
from scripts.benchmarks.models import is_here, model_table, open_model
from scripts.benchmarks.parity_page import page
from scripts.benchmarks.places import ASSETS, BENCHMARKS, PEERS

_KEPT = PEERS / "parity"
_SAMPLES = 4
_FRAME, _CONTEXT = 512, 64
"""Samples of a stream that a step takes, and those of the step before."""


def main(words: list[str]) -> None:
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(prog="scripts/bench parity")
    parser.add_argument("--models", nargs="*", help="only these")
    parser.add_argument("--fresh", action="store_true", help="compare again what is kept")
    told = parser.parse_args(words)
    _KEPT.mkdir(parents=True, exist_ok=True)
    pythons = {name: peer_python(name) for name in _pinned()}
    with tempfile.TemporaryDirectory() as folder:
        for name, request in _requests(Path(folder)):
            file = _KEPT / f"{name}.json"
            if (told.models and name not in told.models) or (file.is_file() and not told.fresh):
                continue
            print(f"comparing {name}", file=sys.stderr)
            report = compare_engines(replace(request, pythons=pythons, samples=_SAMPLES))
            file.write_text(records.to_json(report))
    kept = {file.stem: _read(file) for file in sorted(_KEPT.glob("*.json"))}
    told, table = {name: records.to_data(_brief(report)) for name, report in kept.items()}, model_table("parity.toml")
    (BENCHMARKS / "parity.json").write_text(json.dumps(told, indent=1) + "\n")
    (BENCHMARKS / "parity.md").write_text(page(kept, table["because"], table["found"]))


def _brief(report: ParityReport) -> ParityReport:
    """Return a report without the operators one by one."""
    return replace(report, rows=tuple(replace(row, layers=_first(row.layers)) for row in report.rows))


def _first(layers: Layers | None) -> Layers | None:
    return replace(layers, each=()) if layers is not None else None


def make_engines(names: list[str]) -> None:
    """Make the environments of engines, all without names, and say how edge-sdk finds them.

    Raises:
        SystemExit: There is no such list of packages.
    """
    if unknown := set(names) - set(_pinned()):
        sys.exit(f"error: engines: expected some of {', '.join(_pinned())}, got {', '.join(sorted(unknown))}")
    for name in names or _pinned():
        peer_python(name)
    print(f"export EDGE_SDK_ENGINES={PEERS / 'env'}")


def _pinned() -> list[str]:
    """Return the engines that have environments of their own."""
    return [name for name, engine in ENGINES.items() if not engine.own and pins(name).is_file()]


def _read(file: Path) -> ParityReport:
    return records.read(ParityReport, json.loads(file.read_text()), where=file.name)


def _requests(folder: Path) -> Iterator[tuple[str, ParityRequest]]:
    """Yield what is compared, by name: the models of the tables as they are quantized, then those of parity.toml."""
    for name, entry in model_table("models.toml", "detectors.toml").items():
        if is_here(entry):
            own = folder / name
            own.mkdir()
            model = open_model(name, entry, own)
            source = open_source(request_of(model))
            data = model.options.get("--evaluation", model.options["--calibration"])
            kind = None if source.task.kind == "tensor" else source.task.kind
            yield (
                name,
                ParityRequest(model.path, inputs=data, preprocess=source.preprocess, task=kind, head=source.task.head),
            )
    for name, entry in model_table("parity.toml")["models"].items():
        if is_here(entry):
            yield name, _request(entry, folder / f"{name}.npz")


def _request(entry: Mapping[str, Any], made: Path) -> ParityRequest:
    steps = entry.get("preprocess")
    inputs = str(ASSETS / entry["inputs"]) if "inputs" in entry else None
    if "stream" in entry:
        np.savez(made, **_steps_of(ASSETS / entry["stream"]))
        inputs = str(made)
    return ParityRequest(
        model=ASSETS / entry["model"],
        inputs=inputs,
        preprocess=records.read_toml(Preprocess, steps.encode(), where="parity.toml") if steps else None,
        shapes={"input": (1, _CONTEXT + _FRAME), "state": (2, 1, 128)} if "stream" in entry else {},
    )


def _steps_of(path: Path) -> dict[str, np.ndarray]:
    """Cut a few steps of a stream out of its middle; each starts from the same state."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    starts = [i * len(sound) // (_SAMPLES + 1) for i in range(1, _SAMPLES + 1)]
    windows = np.stack([sound[at : at + _CONTEXT + _FRAME] for at in starts])
    state = np.zeros((_SAMPLES, 2, 1, 128), np.float32)
    return {"input": windows, "state": state, "sr": np.full(_SAMPLES, rate, np.int64)}
