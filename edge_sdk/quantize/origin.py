"""Everything that it takes to make a package again: what went in, with which programs, by which command.

- The command is what was asked for, without what was left at its default. Files are told by their names, not by their
  folders: a package travels, and the same inputs give the same bytes wherever they lie.
- Preprocessing is told as the file that `--preprocess` takes, however it was declared.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from edge_sdk import records
from edge_sdk.files import sha256_hex, sha256_of_file
from edge_sdk.preprocess import Preprocess
from edge_sdk.quantize.compare import SEED
from edge_sdk.quantize.material import Material
from edge_sdk.quantize.request import QuantRequest
from edge_sdk.quantize.source import Source
from edge_sdk.samples import split_key
from edge_sdk.session import runtime_version
from edge_sdk.version import __version__

_OPTIONS: Mapping[str, str] = {
    "task": "--task",
    "scheme": "--scheme",
    "max_drop_points": "--max-drop",
    "min_agreement": "--min-agreement",
    "min_integer_share": "--min-integer-share",
    "input": "--input",
    "min_gain": "--min-gain",
    "pick": "--pick",
    "calibration_samples": "--calibration-samples",
    "name": "--name",
    "version": "--version",
}
"""Options with one value, by the request's field."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a package was made from, beyond the model and the calibration samples.

    Attributes:
        command: The command, a word each; files by their names.
        preprocess: The file `preprocess.toml` that the command names; empty if it names none.
        evaluation_sha256: Digest of the samples that were measured on.
        labels_sha256: Digest of the file of labels; empty without labels.
        profiles: Digest of each board's profile, by its name.
        seed: Of the resamples that intervals are made of; nothing else is drawn by chance.
        machine: The kind of processor that it was made on.
    """

    command: tuple[str, ...]
    preprocess: str
    evaluation_sha256: str
    labels_sha256: str
    profiles: dict[str, str]
    seed: int
    machine: str


def tell_origin(request: QuantRequest, source: Source, material: Material) -> Origin:
    """Return what a request's package is made from."""
    return Origin(
        command=("edge-sdk", "quantize", *_words(request)),
        preprocess=preprocess_toml(source.preprocess) if request.preprocess is not None else "",
        evaluation_sha256=material.evaluation.digest,
        labels_sha256=sha256_of_file(split_key(request.labels)[0]) if request.labels is not None else "",
        profiles={board.name: sha256_hex(records.to_json(board).encode()) for board in request.profiles},
        seed=SEED,
        machine=platform.machine(),
    )


def program_versions() -> dict[str, str]:
    """Return the versions of the programs that a package's bytes depend on."""
    import onnx

    decoders = [metadata.version(name) for name in metadata.packages_distributions().get("cv2", ())]
    return {
        "edge_sdk": __version__,
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": runtime_version(),
        **({"opencv": decoders[0]} if decoders else {}),
        "python": platform.python_version(),
    }


def preprocess_toml(preprocess: Preprocess) -> str:
    """Return a declaration of preprocessing as TOML, each value said."""
    return "\n".join(_tables("", records.to_data(preprocess)))


def shown_name(path: str) -> str:
    """Return a file's name as text that JSON and HTML can hold, whatever bytes the file system has in it."""
    return Path(path).name.encode(errors="replace").decode()


def _tables(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of TOML and those within it; what is None is left away."""
    lines = [f"{key} = {_toml(value)}\n" for key, value in values.items() if not isinstance(value, dict | NoneType)]
    if lines:
        yield "".join([f"[{name}]\n" * bool(name), *lines])
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _tables(f"{name}.{key}" if name else key, value)


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        letters = (one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08X}" for one in value)
        return '"' + "".join(letters) + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _words(request: QuantRequest) -> Iterator[str]:
    yield shown_name(str(request.model))
    for board in request.profiles:
        yield from ("-p", board.name)
    yield from _files(request)
    defaults = {field.name: field.default for field in fields(QuantRequest)}
    for name, flag in _OPTIONS.items():
        value = getattr(request, name)
        if value != defaults[name]:
            yield from (flag, f"{value:g}" if isinstance(value, float) else str(value))
    for name, shape in request.shapes.items():
        yield from ("--input-shape", f"{name}={'x'.join(map(str, shape))}")
    switches = {"--trust-data": request.trusts_data, "--no-pictures": not request.shows_pictures}
    yield from (flag for flag, is_on in switches.items() if is_on)
    yield from ("-o", f"{request.package_name}.edge")


def _files(request: QuantRequest) -> Iterator[str]:
    for flag, data in (
        ("--calibration", request.calibration),
        ("--labels", request.labels),
        ("--evaluation", request.evaluation),
    ):
        if data is not None:
            yield from (flag, shown_name(data))
    if request.class_names:
        yield from ("--class-names", "labels.txt")
    if request.preprocess is not None:
        yield from ("--preprocess", "preprocess.toml")
