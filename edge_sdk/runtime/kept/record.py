"""What lies in a folder of kept samples: a data file and its side file each, and what is known of the models.

    00000012-9f86d081.jpg     the picture, or .png, or .npy for a window of sensor values
    00000012-9f86d081.json    when, from where, by which model, with what result, and why
    models/<sha256>.json      the task and the class names of that model

- The side file is written last and deleted first: a sample is there if its side file is.
- Names are never used again while one of them is there, and differ between boards by their digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_sdk import files, records
from edge_sdk.errors import InputError
from edge_sdk.tasks import TaskKind

Reason = Literal["margin", "flicker", "disagreement", "novelty", "event", "random"]
"""The model could hardly decide · its answer was another one for a moment · another model says otherwise · nothing like
it was seen · something happened, such as a crossing · chance, so that there are not only hard ones."""
How = Literal["blur", "pixelate", "solid"]
"""What is left of a blurred area: 8 soft spots in each direction, 8 squares, or its mean colour."""
Format = Literal["jpg", "png", "npy"]

SCHEMA = 1
MODELS = "models"
STEM = re.compile(r"[0-9]{8}-[0-9a-f]{8}")
"""The name of a sample, without suffix."""
SUFFIXES = (".jpg", ".png", ".npy")
_LIKENESS = re.compile("[0-9a-f]{88}")
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Blurred:
    """What was made unreadable before the first byte was written.

    Attributes:
        what: Classes, or `all-boxes`, or `whole`.
        how: What is left of it.
        areas: How many areas.
    """

    what: str
    how: How
    areas: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one kept sample, besides its outcome.

    Attributes:
        schema: Of the side file.
        number: How many were kept before it, and one; from 1.
        file: Name of the data file.
        sha256: Of its bytes.
        size_bytes: Of the data file.
        shape: Height, width and channels of a picture; samples and columns of a window.
        likeness: 352 bits in hexadecimal; those of pictures that look alike differ in few.
        kept_unix_s: When it was kept, by the board's wall clock, which can be wrong.
        reason: Whose share of the folder it takes.
        reasons: All reasons, with how strong each is, 0 to 1.
        blurred: What was made unreadable; None if nothing was to be.
    """

    schema: int
    number: int
    file: str
    sha256: str
    size_bytes: int
    shape: tuple[int, ...]
    likeness: str
    kept_unix_s: float
    reason: Reason
    reasons: dict[Reason, float]
    blurred: Blurred | None


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What is known of a model whose results are kept.

    Attributes:
        schema: Of the file.
        task: What it is for.
        labels: Class names by index.
        columns: Names of a window's columns; empty for pictures.
    """

    schema: int
    task: TaskKind
    labels: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One kept sample, read.

    Attributes:
        kept: What is known of it.
        outcome: What `Outcome.to_data` gave.
        path: Its side file.
    """

    kept: Kept
    outcome: Mapping[str, Any]
    path: Path

    @property
    def data_path(self) -> Path:
        """Its data file."""
        return self.path.parent / self.kept.file

    @property
    def value(self) -> Mapping[str, Any]:
        """What the model said."""
        value = self.outcome.get("value")
        return value if isinstance(value, Mapping) else {}


def side_file(kept: Kept, outcome: Mapping[str, Any]) -> bytes:
    """Return the bytes of a side file."""
    return records.to_json({**records.to_data(kept), "outcome": outcome}).encode()


def read_piece(path: Path) -> Piece:
    """Read a side file.

    Raises:
        InputError: It is none, or was written by a newer version.
    """
    data = _decoded(path)
    outcome = data.pop("outcome", None)
    kept = records.read(Kept, data, where=str(path), unknown="ignore")
    if not isinstance(outcome, Mapping) or not isinstance(outcome.get("model"), str):
        raise InputError(f"{path}: expected an outcome, got none")
    if not _LIKENESS.fullmatch(kept.likeness):
        raise InputError(f"{path}: expected a likeness of 352 bits, got '{kept.likeness}'")
    if Path(kept.file).suffix not in SUFFIXES or Path(kept.file).stem != path.stem:
        raise InputError(f"{path}: expected the name of its data file, got '{kept.file}'")
    return Piece(kept, outcome, path)


def read_model(folder: Path, sha256: str) -> KnownModel:
    """Read what is known of a model.

    Raises:
        InputError: It is not there, or not to be read.
    """
    path = model_path(folder, sha256)
    return records.read(KnownModel, _decoded(path), where=str(path), unknown="ignore")


def model_path(folder: Path, sha256: str) -> Path:
    """Return where a model's file is."""
    return folder / MODELS / f"{sha256}.json"


def _decoded(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(files.read_bytes(path, max_bytes=_MAX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path}: expected JSON, got {exc}") from exc
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        got = data.get("schema") if isinstance(data, dict) else "no table"
        raise InputError(f"{path}: expected schema {SCHEMA}, got {got}", hint="was it kept by a newer edge-sdk?")
    return data
