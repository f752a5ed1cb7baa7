"""COCO's object detection and keypoint format (https://cocodataset.org/#format-data), one file `annotations.json`.

- Boxes are `[left, top, width, height]` in pixels; masks are run lengths that are not compressed; joints are x, y and
  visibility (2 where the model is sure, 1 where it is not).
- `score` stands beside each annotation, as in COCO's results; readers of annotations pass over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sdk import records
from edge_sdk.files import write_bytes
from edge_sdk.runtime.kept.export import IMAGES, Sorted
from edge_sdk.tasks.pose import VISIBLE

_LISTS = ("boxes", "instances", "poses")


def write_coco(kept: Sorted, folder: Path) -> Sequence[str]:
    """Write the annotations; see `Writer`."""
    name = "annotations.json"
    write_bytes(folder / name, records.to_json(coco_document(kept)).encode())
    return [name]


def coco_document(kept: Sorted) -> dict[str, Any]:
    """Return the document."""
    classes = class_indices(kept)
    annotations = [
        {"id": 0, "image_id": number, **_annotation(thing, classes)}
        for number, piece in enumerate(kept.pieces, start=1)
        for thing in things(piece.value)
    ]
    return {
        "info": {"description": "samples kept by edge-sdk; annotations are what the model said"},
        "images": [
            {
                "id": number,
                "file_name": f"{IMAGES}/{piece.kept.file}",
                "width": piece.kept.shape[1],
                "height": piece.kept.shape[0],
                "edge_sdk": {"reasons": piece.kept.reasons, "captured_ns": piece.outcome.get("captured_ns")},
            }
            for number, piece in enumerate(kept.pieces, start=1)
        ],
        "annotations": [{**one, "id": number} for number, one in enumerate(annotations, start=1)],
        "categories": [{"id": index + 1, "name": name, **_joints(kept)} for name, index in classes.items()],
    }


def things(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a result of boxes found."""
    for key in _LISTS:
        yield from value.get(key, ())


def class_indices(kept: Sorted) -> dict[str, int]:
    """Return the index of each class name; classes without names are named by their numbers."""
    found = [thing for piece in kept.pieces for thing in things(piece.value)]
    numbers = range(max((int(thing["class"]) for thing in found), default=0) + 1)
    names = [*(kept.labels or map(str, numbers)), *map(class_name, found)]
    return {name: index for index, name in enumerate(dict.fromkeys(names))}


def class_name(thing: Mapping[str, Any]) -> str:
    """Return the name of a thing's class."""
    return str(thing.get("label") or thing["class"])


def _annotation(thing: Mapping[str, Any], classes: Mapping[str, int]) -> dict[str, Any]:
    left, top, right, bottom = thing["xyxy"]
    told: dict[str, Any] = {
        "category_id": classes[class_name(thing)] + 1,
        "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
        "area": round((right - left) * (bottom - top), 2),
        "iscrowd": 0,
        "segmentation": [],
        "score": thing["score"],
    }
    if "mask" in thing:
        told |= {"segmentation": thing["mask"], "area": sum(thing["mask"]["counts"][1::2])}
    if "joints" in thing:
        told |= {"keypoints": keypoints(thing), "num_keypoints": len(thing["joints"])}
    return told


def keypoints(thing: Mapping[str, Any]) -> list[float]:
    """Return x, y and visibility of each joint, one after the other."""
    return [value for x, y, sure in thing["joints"] for value in (x, y, 2 if sure >= VISIBLE else 1)]


def _joints(kept: Sorted) -> dict[str, Any]:
    """Return how many joints a body has, named by their numbers, for a category of bodies."""
    counts = {len(thing["joints"]) for piece in kept.pieces for thing in things(piece.value) if "joints" in thing}
    return {"keypoints": [str(i) for i in range(max(counts))], "skeleton": []} if counts else {}
