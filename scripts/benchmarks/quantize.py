"""`scripts/bench quantize`: edge-sdk beside its peers, on the same samples, on the same machine, in one run.

- A peer works in its own environment and process, for a bounded time. Its crash is a row of the table, not the end.
- What has been quantized is kept in .peers/work and taken again if neither the model nor the peer has changed, so that
  an interrupted run goes on; speeds and accuracies are always measured anew, all contenders of a model in turns.
- The figures go to benchmarks/<profile>/quantize-<date>.json, and as a page to benchmarks/quantize.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import edge_sdk
from edge_sdk.profiles import detect_profile
from edge_sdk.session import usable_threads
from scripts.benchmarks import race
from scripts.benchmarks.case import prepare_case
from scripts.benchmarks.contenders import PEERS, PUBLISHED, Contender, edge_sdk_for
from scripts.benchmarks.environments import pinned_versions
from scripts.benchmarks.figures import ModelFigures
from scripts.benchmarks.making import make
from scripts.benchmarks.models import is_here, model_table, open_model
from scripts.benchmarks.places import ASSETS, BENCHMARKS
from scripts.benchmarks.places import PEERS as WORKPLACE
from scripts.benchmarks.quantize_page import page

BOARD = "raspberry-pi-5"


def main(words: Sequence[str]) -> None:
    """Measure, and write the figures down."""
    arguments = parse(words)
    profile = detect_profile().profile.name
    table = model_table("models.toml", "detectors.toml")
    chosen = [one for one in PEERS if not arguments.peers or one.key in arguments.peers]
    ours = edge_sdk_for(profile, BOARD) if profile != BOARD else edge_sdk_for(BOARD)
    facts = facts_of_run(words, profile, chosen)
    figures: list[ModelFigures] = []
    for name in arguments.models or table:
        if not is_here(table[name]):
            print(f"skipped {name}: no test assets in {ASSETS}", file=sys.stderr)
            continue
        folder = WORKPLACE / "work" / name
        if arguments.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        figures.append(measure(name, folder, [*ours, *chosen], arguments.limit))
        if not arguments.no_write:
            keep(figures, facts)  # what is measured stays, whatever becomes of the rest
    if arguments.no_write:
        print(page(figures, facts, "not kept"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench quantize", description="Measure edge-sdk beside its peers.")
    names = list(model_table("models.toml", "detectors.toml"))
    keys = [one.key for one in PEERS]
    parser.add_argument("--models", nargs="*", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--peers", nargs="*", choices=keys, metavar="PEER", help=f"of {', '.join(keys)}")
    parser.add_argument("--limit", type=float, default=900.0, help="most seconds of a peer on a model")
    parser.add_argument("--fresh", action="store_true", help="quantize again what is there from a run before")
    parser.add_argument("--no-write", action="store_true", help="print the page, keep nothing")
    return parser.parse_args(words)


def measure(name: str, folder: Path, contenders: Sequence[Contender], limit_s: float) -> ModelFigures:
    """Return the figures of one model: everyone quantizes, then all take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    table = model_table("models.toml", "detectors.toml")
    case = prepare_case(open_model(name, table[name], folder), folder)
    made = {}
    for one in contenders:
        if one.method == PUBLISHED and case.model.published is None:
            continue
        print(f"{name}: {one.name}", file=sys.stderr)
        made[one] = make(one, case, folder / one.key, limit_s)
    print(f"{name}: measuring", file=sys.stderr)
    return race.run(case, made, folder)


def facts_of_run(words: Sequence[str], profile: str, chosen: Sequence[Contender]) -> dict[str, object]:
    """Return what the figures depend on."""
    versions = {
        "edge_sdk": edge_sdk.__version__,
        "onnxruntime": onnxruntime.__version__,
        "onnx": onnx.__version__,
        "numpy": np.__version__,
    }
    for one in chosen:
        pinned = pinned_versions(one.environment)
        versions |= {name: version for name, version in pinned.items() if name in {one.package, "onnx2tf", "pnnx"}}
    return {
        "command": " ".join(["scripts/bench quantize", *words]),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "profile": profile,
        "cores": os.cpu_count(),
        "threads": usable_threads(),
        "versions": versions,
    }


def keep(figures: Sequence[ModelFigures], facts: dict[str, object]) -> None:
    """Write the figures and the page."""
    path = BENCHMARKS / str(facts["profile"]) / f"quantize-{facts['date']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, "models": [asdict(one) for one in figures]}, indent=2) + "\n")
    (BENCHMARKS / "quantize.md").write_text(page(figures, facts, str(path.relative_to(BENCHMARKS))))
    print(f"wrote {path} and {BENCHMARKS / 'quantize.md'}", file=sys.stderr)
