"""The format that the YOLO trainers read: `images/`, `labels/` with a text file each, and `data.yaml`.

A line is the class's index, then the box's centre and size as shares of the picture, then for bodies x, y and
visibility of each joint (https://docs.ultralytics.com/datasets/detect/ and …/pose/). There is no place for scores. A
picture in which nothing was found has an empty file: a background.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sdk.files import unwritable
from edge_sdk.runtime.kept.coco import class_indices, class_name, keypoints, things
from edge_sdk.runtime.kept.export import IMAGES, Sorted


def write_yolo(kept: Sorted, folder: Path) -> Sequence[str]:
    """Write the labels; see `Writer`."""
    classes, labels = class_indices(kept), folder / "labels"
    try:
        labels.mkdir()
        for piece in kept.pieces:
            size_wh = (piece.kept.shape[1], piece.kept.shape[0])
            lines = [_line(thing, classes, size_wh) for thing in things(piece.value)]
            (labels / piece.kept.file).with_suffix(".txt").write_text("".join(f"{line}\n" for line in lines))
        (folder / "data.yaml").write_text(_data(kept, classes), encoding="utf-8")
    except OSError as exc:
        raise unwritable(folder, exc) from exc
    return ["data.yaml"]


def _line(thing: Mapping[str, Any], classes: Mapping[str, int], size_wh: tuple[int, int]) -> str:
    (width, height), (left, top, right, bottom) = size_wh, thing["xyxy"]
    shares = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]
    if "joints" in thing:
        joints = keypoints(thing)
        for x, y, seen in zip(joints[0::3], joints[1::3], joints[2::3], strict=True):
            shares += [x / width, y / height, seen]
    return " ".join([str(classes[class_name(thing)]), *(f"{share:.6g}" for share in shares)])


def _data(kept: Sorted, classes: Mapping[str, int]) -> str:
    """Return `data.yaml`; strings are written as JSON, which YAML takes."""
    joints = [len(thing["joints"]) for piece in kept.pieces for thing in things(piece.value) if "joints" in thing]
    return "".join(
        [
            f"train: {IMAGES}\n",
            f"val: {IMAGES}\n",
            f"kpt_shape: [{max(joints)}, 3]\n" if joints else "",
            "names:\n",
            *(f"  {index}: {json.dumps(name, ensure_ascii=False)}\n" for name, index in classes.items()),
        ]
    )
