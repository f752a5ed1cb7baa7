"""Labels as COCO keeps them: one JSON file with images, annotations and categories.

- A category is the class of its name, where all names are those of the model; else categories are classes in the order
  of their ids.
- Crowds are left out, and so are bodies without a labelled joint where joints are scored. Images without annotations
  count: there is nothing to be found in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk import files, records
from edge_sdk.errors import InputError
from edge_sdk.samples import find_file
from edge_sdk.tasks import LabelledBoxes, LabelledPoses, TaskKind, Truth

_MAX_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class CocoImage:
    """A picture."""

    id: int
    file_name: str


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One thing in a picture: its box as left, top, width, height, and its joints as x, y, whether labelled, each."""

    image_id: int
    category_id: int
    bbox: tuple[float, ...]
    area: float = 0.0
    iscrowd: int = 0
    keypoints: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the lengths.

        Raises:
            InputError: The box has not four values, or the joints not three each.
        """
        if len(self.bbox) != 4 or len(self.keypoints) % 3:
            raise InputError(
                f"bbox, keypoints: expected 4 values and 3 a joint, got {len(self.bbox)} and {len(self.keypoints)}"
            )


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """A class."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """The file."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[CocoCategory, ...]


def read_coco(
    path: Path, folders: Sequence[Path], *, names: Sequence[str], kind: TaskKind
) -> tuple[tuple[Path, ...], list[Truth]]:
    """Read labels of boxes or poses.

    Args:
        path: The JSON file.
        folders: Where its pictures may lie, besides the file's own folder.
        names: Class names of the model, empty if unknown.
        kind: What is scored.

    Returns:
        The pictures, and what is true of each.

    Raises:
        InputError: It is not such a file, a picture of it is not there, or the task is not scored by such labels.
    """
    if kind not in _TRUTHS:
        raise InputError(f"{path}: expected a task that boxes or joints score, got {kind}")
    try:
        data = json.loads(files.read_bytes(path, max_bytes=_MAX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path}: expected JSON, got {exc}") from exc
    document = records.read(CocoDocument, data, where=str(path), unknown="ignore")
    if not document.images:
        raise InputError(f"{path}: expected images, got none")
    classes = _classes(document.categories, names)
    of_image: dict[int, list[CocoAnnotation]] = {image.id: [] for image in document.images}
    for one in document.annotations:
        if one.category_id not in classes or one.image_id not in of_image:
            raise InputError(f"{path}: expected annotations of its images and categories, got others")
        if not one.iscrowd:
            of_image[one.image_id].append(one)
    found = tuple(find_file(image.file_name, [path.parent, *folders], path) for image in document.images)
    return found, [_TRUTHS[kind](of_image[image.id], classes) for image in document.images]


def _classes(categories: Sequence[CocoCategory], names: Sequence[str]) -> dict[int, int]:
    """Return the class index of each category."""
    if names and all(category.name in names for category in categories):
        return {category.id: names.index(category.name) for category in categories}
    return {number: index for index, number in enumerate(sorted(category.id for category in categories))}


def _boxes(annotations: Sequence[CocoAnnotation], classes: Mapping[int, int]) -> LabelledBoxes:
    boxes = np.array([one.bbox for one in annotations], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return LabelledBoxes(boxes, np.array([classes[one.category_id] for one in annotations], np.int64))


def _poses(annotations: Sequence[CocoAnnotation], classes: Mapping[int, int]) -> LabelledPoses:
    seen = [one for one in annotations if any(one.keypoints[2::3])]
    counts = {len(one.keypoints) for one in seen}
    if len(counts) > 1:
        raise InputError(f"keypoints: expected as many joints of each body, got {', '.join(map(str, sorted(counts)))}")
    return LabelledPoses(
        joints=np.array([one.keypoints for one in seen], np.float32).reshape(len(seen), max(counts, default=0) // 3, 3),
        areas=np.array([one.area or one.bbox[2] * one.bbox[3] for one in seen], np.float64),
        classes=np.array([classes[one.category_id] for one in seen], np.int64),
    )


_TRUTHS: Mapping[TaskKind, Callable[[Sequence[CocoAnnotation], Mapping[int, int]], Truth]] = {
    "detection": _boxes,
    "instances": _boxes,
    "pose": _poses,
}
