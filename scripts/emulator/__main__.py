"""The command line of scripts/emulate: parse, measure, keep the figures in benchmarks/arm-emulated."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import edge_sdk
from edge_sdk.errors import EdgeError
from edge_sdk.package import open_package
from edge_sdk.samples import read_samples
from scripts.benchmarks.case import material_of
from scripts.benchmarks.models import BenchModel, is_here, model_table, open_model
from scripts.benchmarks.places import ASSETS, CLI
from scripts.emulator import kernels, page
from scripts.emulator.agree import ARM, X86, compare, open_subject
from scripts.emulator.board import EmulatedBoard, open_board
from scripts.emulator.core import CORES

BOARD, TWIN = "raspberry-pi-5", "x86-64-vnni"
_NO_BUDGET = ("--min-gain", "0", "--min-agreement", "0", "--max-drop", "100")
"""For models whose better answer is float: kernels are compared, not accuracy held."""


def main() -> int:
    """Do what is asked; return the exit code."""
    asked = _parser().parse_args()
    try:
        board = open_board()
        if asked.command == "package":
            subject = open_subject(
                asked.package, lambda p: read_samples(asked.data, p.manifest.preprocess, p.manifest.inputs), asked.float
            )
            print(json.dumps(compare(board, asked.cores, subject), indent=2))
        elif asked.command == "kernels":
            page.keep("kernels", {**_head("kernels"), "kernels": list(kernels.measure(board, asked.cores))})
        else:
            rows = dict(_models(board, asked.names, asked.cores))
            page.keep("models", {**_head("models"), "models": {**(page.kept_models() if asked.names else {}), **rows}})
    except EdgeError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/emulate", description="Measure on emulated ARM cores.")
    commands = parser.add_subparsers(dest="command", required=True)
    models = commands.add_parser("models", help="quantize the models of benchmarks/*.toml, and compare each")
    models.add_argument("names", nargs="*", help="measure only these of benchmarks/*.toml, and keep the others")
    package = commands.add_parser("package", help="compare one package with an arm-int8 variant; print the figures")
    package.add_argument("package", type=Path)
    package.add_argument("--data", required=True, help="samples, as for edge-sdk quantize --calibration")
    package.add_argument("--float", type=Path, help="the float model, to be counted too")
    commands.add_parser("kernels", help="count the instructions of each kind of operator, float and int8")
    commands.add_parser("setup", help="only make the emulated board ready")
    for command in commands.choices.values():
        command.add_argument("--cores", nargs="+", default=list(CORES), choices=list(CORES))
    return parser


def _models(board: EmulatedBoard, names: Sequence[str], cores: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    table = model_table("models.toml", "detectors.toml")
    for name in names or table:
        if not is_here(table[name]):
            print(f"skipped {name}: no test assets in {ASSETS}", file=sys.stderr)
            continue
        print(f"emulating {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            yield name, _model(board, cores, open_model(name, table[name], Path(folder)), Path(folder))


def _model(board: EmulatedBoard, cores: Sequence[str], model: BenchModel, folder: Path) -> dict[str, Any]:
    """Return the figures of a model that is quantized for a board and for this machine."""
    package = folder / "m.edge"
    for budget in ((), _NO_BUDGET):
        call = [str(CLI), "quantize", str(model.path), "-p", BOARD, "-p", TWIN, *model.arguments, *budget,
                "-o", str(package), "--name", "m"]  # fmt: skip
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"refused": done.stderr.strip(), "exit_code": done.returncode}
        if {ARM, X86} <= open_package(package).manifest.variants.keys():
            break
    evaluation = material_of(model).evaluation
    figures = compare(board, cores, open_subject(package, lambda _: evaluation, model.path))
    return {**figures, "budget": " ".join(budget)}


def _head(command: str) -> dict[str, Any]:
    return {
        "command": f"scripts/emulate {command}",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "versions": {
            "edge_sdk": edge_sdk.__version__,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
