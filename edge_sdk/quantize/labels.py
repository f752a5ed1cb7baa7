"""What is true of the samples: classes, boxes or maps from a CSV, classes or values from an array.

- Columns of a CSV: `file`; the class as `label`, `class_id` or `class` (a number, or a name that the class names know),
  or as `class_name`; boxes as `x1,y1,x2,y2` or `xmin,ymin,xmax,ymax` in pixels, or `cx,cy,w,h` as shares of the
  picture.
- Anomalies are the classes `normal` (0) and `anomalous` (1).
- A map of classes is a grey picture of the same size, in a column `mask`: each pixel is a class, 255 is left out.
- A picture without boxes is a row with an empty class.
- Where there is a column `role`, rows with `calibration` are for calibration and not scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_sdk import media
from edge_sdk.errors import InputError
from edge_sdk.samples import find_file, load_array, read_rows, split_key
from edge_sdk.tasks import LabelledBoxes, Truth

NORMAL_OR_NOT = ("normal", "anomalous")
"""The classes of samples with and without an anomaly."""
_CLASS = ("label", "class_id", "class", "class_name", "name")
_CORNERS = (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"))
_CENTRES = ("cx", "cy", "w", "h")
_MAP = "mask"
_LARGEST_SHARE = 2.0
_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Labels:
    """The labelled files, in the order of their first rows.

    Attributes:
        files: Files to score.
        rows: The rows of each file, as read.
        calibration: Files that the list reserves for calibration.
        where: What messages call it.
    """

    files: tuple[Path, ...]
    rows: Mapping[Path, Sequence[Mapping[str, str]]]
    calibration: tuple[Path, ...]
    where: str


def read_labels(path: Path, folders: Sequence[Path]) -> Labels:
    """Read labels by file.

    Args:
        path: The CSV.
        folders: Where its files may lie, besides the CSV's own folder.

    Raises:
        InputError: It has no column `file` or none of the class, or a file of it is not there.
    """
    rows = read_rows(path)
    if "file" not in rows[0]:
        raise InputError(f"{path}: expected a column 'file', got columns {', '.join(rows[0])}")
    if not any(column in rows[0] for column in (*_CLASS, _MAP)):
        raise InputError(f"{path}: expected a column of {', '.join((*_CLASS, _MAP))}, got columns {', '.join(rows[0])}")
    places = [path.parent, *folders]
    if not any((place / row["file"]).is_file() for row in rows for place in places):
        raise InputError(
            f"{path}: expected labels of files in {' or '.join(map(str, places))}, got none that is there",
            hint=f"the first row names {rows[0]['file']}",
        )
    found: dict[Path, list[Mapping[str, str]]] = {}
    reserved: dict[Path, None] = {}
    for row in rows:
        file = find_file(row["file"], places, path)
        if row.get("role") == "calibration":
            reserved[file] = None
        else:
            found.setdefault(file, []).append(row)
    if not found:
        raise InputError(f"{path}: expected rows to score, got only rows with the role calibration")
    return Labels(tuple(found), found, tuple(reserved), str(path))


def class_truths(labels: Labels, names: Sequence[str], classes: int) -> list[Truth]:
    """Return the class index of each file.

    Raises:
        InputError: A file has several rows, or a class that the model does not have.
    """
    truths = []
    for file in labels.files:
        rows = labels.rows[file]
        if len(rows) > 1:
            raise InputError(f"{labels.where}: expected one row for {file.name}, got {len(rows)}")
        truths.append(_class_index(rows[0], names, classes, labels.where))
    return truths


def array_truths(data: str, classes: int) -> list[Truth]:
    """Return class indices from `FILE.npz:key` or `FILE.npy`.

    Raises:
        InputError: It is not an array of class indices.
    """
    arrays = list(load_array(*split_key(data)).values())
    if len(arrays) != 1 or arrays[0].ndim != 1 or arrays[0].dtype.kind not in "iu" or not arrays[0].size:
        got = ", ".join(f"{array.dtype} {list(array.shape)}" for array in arrays) or "no numbers"
        raise InputError(f"{data}: expected one array [n] of class indices, got {got}", hint="name it: FILE.npz:key")
    values = arrays[0]
    if values.min() < 0 or (classes and values.max() >= classes):
        raise InputError(f"{data}: expected classes 0 to {classes - 1}, got {values.min()} to {values.max()}")
    return [int(value) for value in values]


def value_truths(data: str) -> list[Truth]:
    """Return the true values of each sample from `FILE.npz:key` or `FILE.npy`, an array [n, ...] of numbers.

    Raises:
        InputError: It is not such an array.
    """
    arrays = list(load_array(*split_key(data)).values())
    if len(arrays) != 1 or arrays[0].ndim < 1 or arrays[0].dtype.kind not in "iuf" or not arrays[0].size:
        got = ", ".join(f"{array.dtype} {list(array.shape)}" for array in arrays) or "no numbers"
        raise InputError(f"{data}: expected one array [n, ...] of numbers, got {got}", hint="name it: FILE.npz:key")
    return list(np.asarray(arrays[0], np.float64))


def map_truths(labels: Labels) -> list[Truth]:
    """Return the classes of each file's pixels [height, width].

    Raises:
        InputError: A file has several rows or none of a map, or the map is no grey picture that can be read.
    """
    return [_map(file, labels.rows[file], labels.where) for file in labels.files]


def _map(file: Path, rows: Sequence[Mapping[str, str]], where: str) -> npt.NDArray[np.uint8]:
    if len(rows) != 1 or not rows[0].get(_MAP):
        raise InputError(f"{where}: expected one row with a {_MAP} for {file.name}, got {len(rows)}")
    path = find_file(rows[0][_MAP], [Path(where).parent, file.parent], Path(where))
    image = media.read_image(path)
    if (image[..., :1] != image).any():
        raise InputError(f"{path}: expected a grey picture of classes, got colours")
    return np.asarray(image[..., 0], np.uint8)


def box_truths(labels: Labels, names: Sequence[str]) -> list[Truth]:
    """Return the labelled boxes of each file, in pixels of its picture.

    Raises:
        InputError: A row has no box columns, or values that are not numbers.
    """
    return [_boxes(file, labels.rows[file], names, labels.where) for file in labels.files]


def _boxes(file: Path, rows: Sequence[Mapping[str, str]], names: Sequence[str], where: str) -> LabelledBoxes:
    kept = [row for row in rows if any(row.get(column) for column in _CLASS)]
    classes = np.array([_class_index(row, names, len(names), where) for row in kept], np.int64)
    if not kept:
        return LabelledBoxes(np.zeros((0, 4), np.float32), classes)
    corners = next((columns for columns in _CORNERS if all(column in kept[0] for column in columns)), None)
    if corners is None and not all(column in kept[0] for column in _CENTRES):
        raise InputError(f"{where}: expected columns x1,y1,x2,y2 or cx,cy,w,h, got {', '.join(kept[0])}")
    columns = corners or _CENTRES
    try:
        values = np.array([[float(row[column]) for column in columns] for row in kept], np.float32)
    except ValueError as exc:
        raise InputError(f"{where}: expected numbers in {', '.join(columns)}, got {exc}") from exc
    if not np.isfinite(values).all() or (corners is None and np.abs(values).max() > _LARGEST_SHARE):
        wanted = "pixels" if corners else "shares of the picture"
        raise InputError(f"{where}: expected {', '.join(columns)} in {wanted}, got {values.max():g} for {file.name}")
    if corners is None:
        height, width = media.read_image(file).shape[:2]
        half = values[:, 2:] / 2
        values = np.concatenate([values[:, :2] - half, values[:, :2] + half], axis=1) * [width, height, width, height]
    return LabelledBoxes(values.astype(np.float32), classes)


def _class_index(row: Mapping[str, str], names: Sequence[str], classes: int, where: str) -> int:
    text = next((row[column].strip() for column in _CLASS if row.get(column)), "")
    if text in names:
        return names.index(text)
    if _NUMBER.fullmatch(text) and (not classes or int(text) < classes):
        return int(text)
    known = f"a class name or 0 to {classes - 1}" if classes else "a class number"
    raise InputError(f"{where}: expected {known} for {row['file']}, got '{text}'", hint="give --class-names FILE")
