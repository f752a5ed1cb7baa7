"""Instances against a decoder written out in loops, and masks against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco

from edge_sdk.errors import InputError
from edge_sdk.tasks import HEADS, Instances, LabelledBoxes, TaskSpec, build_task
from edge_sdk.transform import Transform
from tests.tasks import reference
from tests.tasks.raw_outputs import MASKS, WH, recorded

HERE = Transform(source_wh=(192, 128), model_wh=WH, scale_xy=(0.5, 0.5), offset_xy=(0, 0))
LEAST, IOU = 0.3, 0.5


def task(head: str = "yolov8-seg"):
    return build_task(TaskSpec("instances", head=head, score_threshold=LEAST, iou_threshold=IOU, max_detections=300))


def found(head: str = "yolov8-seg") -> Instances:
    return task(head).decode(recorded(head), HERE)


def slow(head: str) -> list[tuple[list[float], float, int, np.ndarray]]:
    """Decode one row at a time: a box's mask is the sigmoid of a sum of prototypes, above a half, inside the box."""
    outputs = recorded(head)
    (prototypes,) = outputs["output1"]
    rows = outputs["output0"][0].T if head == "yolov8-seg" else outputs["output0"][0]
    inner = "yolov8" if head == "yolov8-seg" else "end-to-end"
    plain = rows[:, :-MASKS].T if inner == "yolov8" else rows[:, :-MASKS]
    boxes = reference.decode(inner, {"y": plain[np.newaxis]}, least=LEAST, iou=IOU, wh=WH)
    result = []
    for box, score, kind in boxes:
        row = next(row for row in rows if np.isclose(row[4:-MASKS].max() if inner == "yolov8" else row[4], score))
        mask = np.zeros(prototypes.shape[1:], bool)
        for y in range(mask.shape[0]):
            for x in range(mask.shape[1]):
                value = sum(float(row[-MASKS + i]) * float(prototypes[i, y, x]) for i in range(MASKS))
                is_inside = box[0] / 4 <= x < box[2] / 4 and box[1] / 4 <= y < box[3] / 4
                mask[y, x] = is_inside and 1 / (1 + np.exp(-value)) > 0.5
        result.append((box, score, kind, mask))
    return [one for one in result if one[3].any()]


@pytest.mark.parametrize("head", HEADS["instances"])
def test_instances_are_read_as_their_authors_describe_them(head):
    ours, wanted = found(head), slow(head)
    assert len(ours.scores) == len(wanted) > 3
    assert ours.classes.tolist() == [kind for _, _, kind, _ in wanted]
    np.testing.assert_allclose(ours.scores, [score for _, score, _, _ in wanted], atol=1e-6)
    boxes = np.clip([[2 * edge for edge in box] for box, _, _, _ in wanted], 0, [192, 128, 192, 128])
    np.testing.assert_allclose(ours.xyxy, boxes, atol=1e-3)
    assert np.array_equal(ours.masks, np.stack([mask for _, _, _, mask in wanted]))


def test_masks_are_told_as_coco_tells_them():
    ours = found()
    told = ours.to_data(("a", "b", "c"))["instances"]
    pixels = ours.to_source()
    assert pixels.shape == (len(told), 128, 192)
    assert pixels.any(axis=(1, 2)).sum() > 3
    for one, mask in zip(told, pixels, strict=True):
        assert np.array_equal(coco.decode(coco.frPyObjects(one["mask"], 128, 192)).astype(bool), mask)
        assert set(one) == {"class", "label", "score", "xyxy", "mask"}


def test_a_mask_lies_in_the_picture_where_its_cells_say():
    ours = found()
    cells = ours.masks.repeat(8, axis=1).repeat(8, axis=2)
    shared, either = (ours.to_source() & cells).sum(), (ours.to_source() | cells).sum()
    assert shared / either > 0.75


def test_the_agreement_is_the_f1_of_masks_that_overlap():
    ours = found()
    assert task().agreement(ours, ours) == 1.0
    half = Instances(ours.xyxy, ours.scores, ours.classes, ours.bits & 0xF0, ours.cells_wh, ours.grid, ours.source_wh)
    assert task().agreement(ours, half) < 0.7
    assert task().agreement(ours, ours.above(2)) == 0.0
    assert task().agreement(ours.above(2), ours.above(2)) == 1.0


def test_boxes_are_scored():
    ours = found()
    score = task().score([ours], [LabelledBoxes(ours.xyxy, ours.classes)])
    assert (score.metric, score.value) == ("AP50-95", pytest.approx(100))


def test_other_outputs_are_refused():
    wanted = r"\[1, 4 \+ classes \+ masks, n\] with \[1, masks, height, width\]"
    with pytest.raises(InputError, match=rf"^instances: expected {wanted}, got \[1, 5\]$"):
        task().decode({"y": np.zeros((1, 5))}, HERE)
    with pytest.raises(InputError, match=r"^instances: expected pictures, got tensors$"):
        task().decode({}, None)
