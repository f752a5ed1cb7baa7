"""Keeps the figures of the emulated boards in benchmarks/arm-emulated, as JSON and as a page of tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from scripts.benchmarks.tables import table
from scripts.emulator.board import ROOT

FOLDER = ROOT / "benchmarks/arm-emulated"


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write the figures of a command to its file, and the page anew from all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(figures, indent=1) + "\n")
    kept = {one.stem: json.loads(one.read_text()) for one in FOLDER.glob("*.json")}
    (FOLDER / "README.md").write_text(page(kept))
    print(f"wrote {path}", file=sys.stderr)


def kept_models() -> dict[str, Any]:
    """Return the rows of the models that were kept before."""
    path = FOLDER / "models.json"
    return dict(json.loads(path.read_text())["models"]) if path.is_file() else {}


def page(kept: dict[str, dict[str, Any]]) -> str:
    """Return the page that shows the figures, by command."""
    sections = {"models": _models, "kernels": _kernels}
    lines = [line for name, section in sections.items() if name in kept for line in section(kept[name])]
    return "\n".join([_INTRODUCTION, *lines, ""])


_INTRODUCTION = """# Emulated ARM cores

Made by `scripts/emulate`: QEMU's user mode runs Debian's arm64 Python, edge-sdk and onnxruntime's own aarch64 wheel,
whose kernels are chosen by the emulated core's features. Outputs are those of the real core, bit for bit as far as
QEMU is right; **instructions are not time** (no caches, no dual issue), but they repeat within 0.3 % on any machine
and tell which of two files does less. One thread, a warm inference.
"""


def _models(figures: dict[str, Any]) -> Iterator[str]:
    yield f"## Models ({_made(figures, 'models.json')})\n"
    yield (
        "The `arm-int8` file on each core, beside its twin `x86-int8` (what the accuracy guard measured) and the same "
        "file on x86 with int8 kept int8. Golden: the least dB to the package's golden outputs, and what it asks for. "
        "Instructions in millions; the integer ones are the dot products of `dot` and the multiplications of `mla`. A "
        "model whose better answer for a board is float is compared with all layers in integers, and says so.\n"
    )
    head = ("model", "core", "samples", "agrees with the twin", "same file", "float", "dB to the twin", "golden dB",
            "float", "int8", "int8 / float", "dot", "mla")  # fmt: skip
    body = [row for name, model in figures["models"].items() for row in _model_rows(name, model)]
    yield from table(head, body)
    yield ""


def _model_rows(name: str, model: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    if "refused" in model:
        yield (name, model["refused"], *[""] * 11)
        return
    for core, told in model["cores"].items():
        agreement, counts, golden = told["agreement"], told["instructions"], told["golden"]
        millions = {arithmetic: count["instructions"] / 1e6 for arithmetic, count in counts.items()}
        yield (
            f"{name} (all in integers)" if model.get("budget") else name, core, str(model["samples"]),
            *(f"{agreement[other]:.1%}" for other in ("x86-int8", "arm-int8", "float")),
            f"{told['snr_db']['x86-int8']:.1f}", f"{golden['snr_db']:.1f} of {golden['asked_db']:.1f}",
            f"{millions['float']:.2f}", f"{millions['int8']:.2f}", f"{millions['int8'] / millions['float']:.2f}",
            f"{counts['int8']['dot'] / 1e6:.2f}", f"{counts['int8']['integer_mla'] / 1e6:.2f}",
        )  # fmt: skip


def _kernels(figures: dict[str, Any]) -> Iterator[str]:
    yield f"## Operators ({_made(figures, 'kernels.json')})\n"
    yield (
        "Instructions for one multiply-accumulate (convolutions, Gemm) or one element read (all else), net of the "
        "call. Integers as int8 with channels last, as in a plan; `uint8` as they would be with uint8 activations.\n"
    )
    arithmetics = ("float", "int8", "uint8")
    yield from table(
        ("operator", "shape", "core", *arithmetics, "int8 / float"),
        [
            (row["kind"], row["shape"], row["core"],
             *(f"{row[name]['a_unit']:.3f}" if name in row else "" for name in arithmetics),
             f"{row['int8_to_float']:.2f}" if "int8_to_float" in row else "")
            for row in figures["kernels"]
        ],
    )  # fmt: skip


def _made(figures: dict[str, Any], source: str) -> str:
    return f"[{source}]({source}), {figures['date']}, onnxruntime {figures['versions']['onnxruntime']}"
