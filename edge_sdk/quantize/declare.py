"""What a model's user declares once: preprocessing and class names, from a file, from flags, or from the model itself.

- A TOML file with an `[image]` or a `[window]` table is read as it is.
- Flags cover the common cases; the size and the layout come from the model's input.
- A model may carry it in its metadata: `edge_sdk.preprocess` (the record as JSON), or what Ultralytics exports write.
- Nothing is guessed: pictures without a declaration are refused where they are read.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_sdk import files, metadata, records
from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.quantize.graph import Model
from edge_sdk.tasks.facts import Exporter
from edge_sdk.tensors import TensorSpec

Normalize = Literal["raw", "unit", "symmetric", "imagenet"]
NORMALIZATIONS: Mapping[Normalize, Mapping[str, Any]] = {
    "raw": {"divisor": 1.0},
    "unit": {"divisor": 255.0},
    "symmetric": {"divisor": 127.5, "mean": (1.0,)},
    "imagenet": {"divisor": 255.0, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
}
"""Divisor, mean and deviation by name; of three channels in the order red, green, blue."""
_EXPORTED: Mapping[str, Exporter] = {
    "classify": "classify",
    "detect": "detect",
    "segment": "segment",
    "pose": "pose",
}
_RESIZE = re.compile(r"stretch|letterbox|crop|crop:[0-9]{1,5}")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageFlags:
    """The common cases, as flags.

    Attributes:
        normalize: `raw` 0 to 255, `unit` 0 to 1, `symmetric` -1 to 1, or the mean and deviation of `imagenet`.
        resize: `stretch`, `letterbox`, `crop`, or `crop:256` (the shorter side first).
        color: Order of the channels.
    """

    normalize: Normalize = "unit"
    resize: str = "stretch"
    color: Literal["rgb", "bgr", "gray"] = "rgb"


def preprocess_from_file(path: Path) -> Preprocess:
    """Read the declaration from a TOML file.

    Raises:
        InputError: It is not TOML, or not a declaration; each mistake with its dotted place.
    """
    return records.read_toml(Preprocess, files.read_bytes(path, max_bytes=_MAX_BYTES), where=str(path))


def preprocess_from_flags(flags: ImageFlags, inputs: Sequence[TensorSpec]) -> Preprocess:
    """Return the declaration that flags and the model's input make.

    Raises:
        InputError: The model's input is not a picture, or a flag has a value that is not known.
    """
    size_wh, layout = _picture_size(inputs)
    kind, _, shorter = flags.resize.partition(":")
    if not _RESIZE.fullmatch(flags.resize):
        raise InputError(f"--resize: expected stretch, letterbox, crop or crop:256, got '{flags.resize}'")
    steps = {
        "size_wh": list(size_wh),
        "resize": kind,
        "shorter_side": int(shorter) if shorter else None,
        "color": flags.color,
        "layout": layout,
        **{n: list(v) if isinstance(v, tuple) else v for n, v in normalization(flags.normalize, flags.color).items()},
    }
    return records.read(Preprocess, {"image": steps}, where="flags")


def normalization(name: Normalize, color: str) -> dict[str, Any]:
    """Return divisor, mean and std of a name, the values of the channels in the order of the colours."""
    step = -1 if color == "bgr" else 1
    return {key: value[::step] if isinstance(value, tuple) else value for key, value in NORMALIZATIONS[name].items()}


def preprocess_from_metadata(model: Model, inputs: Sequence[TensorSpec]) -> Preprocess | None:
    """Return the declaration that the model carries, or None.

    Raises:
        InputError: It carries one that is not valid.
    """
    told = _metadata(model)
    if metadata.PREPROCESS in told:
        try:
            data = json.loads(told[metadata.PREPROCESS])
        except (ValueError, RecursionError) as exc:
            raise InputError(f"metadata {metadata.PREPROCESS}: expected JSON, got {exc}") from exc
        return records.read(Preprocess, data, where=f"metadata {metadata.PREPROCESS}")
    if {"stride", "task", "names", "imgsz"} <= told.keys():
        resize = "crop" if told["task"] == "classify" else "letterbox"  # as Ultralytics prepares its pictures
        return preprocess_from_flags(ImageFlags(normalize="unit", resize=resize, color="rgb"), inputs)
    return None


def class_names_from_file(path: Path) -> tuple[str, ...]:
    """Read class names, one a line.

    Raises:
        InputError: The file cannot be read, has none, or an empty line among them: which class would that be?
    """
    text = files.read_bytes(path, max_bytes=_MAX_BYTES).decode("utf-8-sig", errors="replace")
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if "" in names or not names:
        raise InputError(f"{path}: expected class names, one a line, got {'an empty line' if names else 'none'}")
    return names


def class_names_from_metadata(model: Model) -> tuple[str, ...]:
    """Return the class names that the model carries, as `convert` or Ultralytics exports write them; empty if none."""
    told = _metadata(model)
    try:
        if metadata.LABELS in told:
            return tuple(str(name) for name in json.loads(told[metadata.LABELS]))
        names = ast.literal_eval(told.get("names", "{}"))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):  # what literal_eval raises for any text
        return ()
    if isinstance(names, dict) and names.keys() == set(range(len(names))):
        return tuple(str(names[i]) for i in range(len(names)))
    return ()


def exporter_from_metadata(model: Model) -> Exporter:
    """Return the task in the metadata that Ultralytics exports write; YOLOv5's write none, and are detectors."""
    told = _metadata(model)
    if not {"stride", "names"} <= told.keys():
        return ""
    return _EXPORTED.get(told.get("task", "detect"), "other")


def joints_from_metadata(model: Model) -> tuple[int, int] | None:
    """Return how many joints a body has and how many values a joint, as Ultralytics exports of poses write them."""
    match re.fullmatch(r"[\[(](\d{1,4}), ?([23])[\])]", _metadata(model).get("kpt_shape", "")):
        case None:
            return None
        case found:
            return int(found[1]), int(found[2])


def _metadata(model: Model) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _picture_size(inputs: Sequence[TensorSpec]) -> tuple[tuple[int, int], str]:
    shape = inputs[0].shape if len(inputs) == 1 else ()
    if len(shape) == 4 and shape[1] in (1, 3) and isinstance(shape[2], int) and isinstance(shape[3], int):
        return (shape[3], shape[2]), "nchw"
    if len(shape) == 4 and shape[3] in (1, 3) and isinstance(shape[1], int) and isinstance(shape[2], int):
        return (shape[2], shape[1]), "nhwc"
    told = ", ".join(f"{spec.name} {spec.describe()}" for spec in inputs)
    raise InputError(
        f"model: expected one picture input [1, 3, height, width] or [1, height, width, 3], got {told}",
        hint="declare the preprocessing in a file: --preprocess FILE.toml",
    )
