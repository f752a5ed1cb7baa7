"""Pictures by class: `images/CLASS/FILE`, and `labels.csv` as `edge-sdk quantize --labels` takes it.

For tasks whose results are no labels (segmentation, values) the pictures are listed with why they were kept, and
nothing else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sdk.files import unwritable, write_bytes
from edge_sdk.runtime.kept.export import IMAGES, Sorted
from edge_sdk.runtime.kept.record import Piece

_TABLE = "labels.csv"
_STRANGE = re.compile(r"[^\w.-]+")
_LONGEST = 80


def write_classes(kept: Sorted, folder: Path) -> Sequence[str]:
    """Sort the pictures into folders of their classes, and list them; see `Writer`."""
    rows = []
    for piece in kept.pieces:
        index, label, score = best_class(piece.value)
        name = f"{IMAGES}/{_folder_name(index, label)}/{piece.kept.file}"
        try:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / IMAGES / piece.kept.file).rename(folder / name)
        except OSError as exc:
            raise unwritable(folder / name, exc) from exc
        rows.append({"file": name, "label": "" if index is None else index, "class_name": label, "score": score})
    return _write_table(folder, rows, kept.pieces)


def write_pictures(kept: Sorted, folder: Path) -> Sequence[str]:
    """List the pictures without labels; see `Writer`."""
    return _write_table(folder, [{"file": f"{IMAGES}/{piece.kept.file}"} for piece in kept.pieces], kept.pieces)


def best_class(value: Mapping[str, Any]) -> tuple[int | None, str, float | None]:
    """Return index, name and score of the best class, or of the verdict on an anomaly; None where there is none."""
    if "anomaly" in value:
        is_anomalous = bool(value["anomaly"]["is_anomalous"])
        return int(is_anomalous), "anomalous" if is_anomalous else "normal", value["anomaly"]["score"]
    classes = value.get("classes")
    if not classes:
        return None, "", None
    return int(classes[0]["class"]), str(classes[0]["label"]), float(classes[0]["score"])


def _folder_name(index: int | None, label: str) -> str:
    if index is None:
        return "no-class"
    return _STRANGE.sub("_", label)[:_LONGEST].lstrip(".") or str(index)


def _write_table(folder: Path, rows: Sequence[Mapping[str, Any]], pieces: Sequence[Piece]) -> Sequence[str]:
    file = io.StringIO(newline="")
    table = csv.DictWriter(file, [*rows[0], "reasons"])
    table.writeheader()
    for row, piece in zip(rows, pieces, strict=True):
        table.writerow({**row, "reasons": " ".join(sorted(piece.kept.reasons))})
    write_bytes(folder / _TABLE, file.getvalue().encode())
    return [_TABLE]
