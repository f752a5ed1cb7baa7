"""The models that are measured, with their data, as benchmarks/*.toml name them and `edge-sdk quantize` takes them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.places import ASSETS, BENCHMARKS, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class BenchModel:
    """A model and what `edge-sdk quantize` is told of it.

    Attributes:
        name: What the tables call it.
        path: The float ONNX file.
        options: The command's options, by name: data, labels and preprocessing.
        published: A file for another runtime that its makers quantized, or None.
    """

    name: str
    path: Path
    options: Mapping[str, str]
    published: Path | None = None

    @property
    def arguments(self) -> list[str]:
        """The options, as a command line has them."""
        return [word for pair in self.options.items() for word in pair]


def model_table(*files: str) -> dict[str, dict[str, Any]]:
    """Return the entries of tables in benchmarks/, by name."""
    return {name: entry for file in files for name, entry in tomllib.loads((BENCHMARKS / file).read_text()).items()}


def is_here(entry: Mapping[str, Any]) -> bool:
    """Return whether the model's file is there; the test assets are optional."""
    return _find(entry["model"]).is_file()


def open_model(name: str, entry: Mapping[str, Any], folder: Path) -> BenchModel:
    """Return a model of the tables; what has to be made of its data first is written to `folder`."""
    options = dict(zip(entry["flags"][::2], entry["flags"][1::2], strict=True))
    for option in ("calibration", "evaluation", "labels", "class-names"):
        if option in entry:
            options[f"--{option}"] = str(_find(entry[option]))
    if "arrays" in entry:
        options |= _cut_by_role(ASSETS / entry["arrays"], folder)
    if "label_column" in entry:
        options["--labels"] = str(_with_labels(Path(options["--labels"]), entry["label_column"], folder / "labels.csv"))
    if "roles" in entry:
        options["--labels"] = str(_with_roles(Path(options["--labels"]), _find(entry["roles"]), folder / "boxes.csv"))
    if "preprocess" in entry:
        steps = folder / "steps.toml"
        steps.write_text(entry["preprocess"])
        options["--preprocess"] = str(steps)
    path = _find(entry["model"])
    path = _made_whole(path, entry.get("tail"), folder / path.name)
    return BenchModel(name, path, options, ASSETS / entry["published"] if "published" in entry else None)


def _find(place: str) -> Path:
    """Return a file of the project's examples, or of the test assets."""
    return (ROOT if place.startswith("examples/") else ASSETS) / place


def _cut_by_role(path: Path, folder: Path) -> dict[str, str]:
    arrays = np.load(path)
    for role in ("calibration", "eval"):
        chosen = arrays["role"] == role
        np.savez(folder / f"cut-{role}.npz", x=arrays["x"][chosen], y=arrays["label"][chosen])
    return {
        "--calibration": f"{folder}/cut-calibration.npz:x",
        "--evaluation": f"{folder}/cut-eval.npz:x",
        "--labels": f"{folder}/cut-eval.npz:y",
    }


def _with_labels(path: Path, column: str, to: Path) -> Path:
    """Write a copy of a label file in which the named column is the label."""
    return _write_rows(
        to, ["file", "label", "role"], ([row["file"], row[column], row["role"]] for row in _read_rows(path))
    )


def _with_roles(boxes: Path, roles: Path, to: Path) -> Path:
    """Write labelled boxes with the role of each picture; a picture without boxes is one row without a class."""
    columns = ["class_id", "cx", "cy", "w", "h"]
    found: dict[str, list[list[str]]] = {}
    for row in _read_rows(boxes):
        found.setdefault(row["file"], []).append([row[column] for column in columns])
    rows = (
        [row["file"], *box, row["role"]]
        for row in _read_rows(roles)
        for box in found.get(row["file"], [[""] * len(columns)])
    )
    return _write_rows(to, ["file", *columns, "role"], rows)


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write_rows(to: Path, head: list[str], rows: Iterator[list[str]]) -> Path:
    with to.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    return to


def _made_whole(path: Path, tail: str | None, to: Path) -> Path:
    """Write a copy of the model with a batch of 1 and, for some detectors, with its decoding; return its path."""
    import onnx

    from scripts.benchmarks.detector_tails import TAILS

    model = onnx.load(path)
    for value in model.graph.input:
        batch = value.type.tensor_type.shape.dim[0]
        batch.dim_value = batch.dim_value or 1
    onnx.save(TAILS[tail](model) if tail else model, to)
    return to
