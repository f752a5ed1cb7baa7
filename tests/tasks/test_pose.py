"""Poses against a decoder written out in loops, similarity and precision against pycocotools."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge_sdk.errors import InputError
from edge_sdk.tasks import HEADS, LabelledPoses, Poses, TaskSpec, build_task
from edge_sdk.tasks.pose import keypoint_similarity
from edge_sdk.transform import Transform
from tests.tasks import reference
from tests.tasks.raw_outputs import JOINTS, WH, recorded

HERE = Transform(source_wh=(200, 100), model_wh=WH, scale_xy=(0.48, 0.48), offset_xy=(0, 8))
LEAST, IOU = 0.3, 0.5


def task(head: str = "yolov8-pose"):
    return build_task(TaskSpec("pose", head=head, score_threshold=LEAST, iou_threshold=IOU, joints=JOINTS))


def found(head: str = "yolov8-pose") -> Poses:
    return task(head).decode(recorded(head), HERE)


@pytest.mark.parametrize("head", HEADS["pose"])
def test_poses_are_read_as_their_authors_describe_them(head):
    (raw,) = recorded(head)["output0"]
    rows = raw.T if head == "yolov8-pose" else raw
    inner = {"yolov8": raw[:5]} if head == "yolov8-pose" else {"end-to-end": raw[:, :6]}
    ((name, plain),) = inner.items()
    wanted = reference.decode(name, {"y": plain[np.newaxis]}, least=LEAST, iou=IOU, wh=WH)
    ours = found(head)
    assert len(ours.scores) == len(wanted) > 1
    for pose, score, (_, wanted_score, _) in zip(ours.joints, ours.scores, wanted, strict=True):
        row = next(row for row in rows if np.isclose(row[4], wanted_score))
        joints = [((row[-51 + 3 * i]) / 0.48, (row[-50 + 3 * i] - 8) / 0.48, row[-49 + 3 * i]) for i in range(JOINTS)]
        assert score == pytest.approx(wanted_score)
        np.testing.assert_allclose(pose, joints, atol=1e-3)


def test_joints_of_two_values_are_all_seen():
    raw = np.array([[[20], [20], [10], [10], [0.9], [18], [19], [22], [23]]], np.float32)
    task = build_task(TaskSpec("pose", head="yolov8-pose", joints=2, joint_values=2))
    here = Transform(source_wh=WH, model_wh=WH, scale_xy=(1.0, 1.0), offset_xy=(0, 0))
    told = task.decode({"y": raw}, here).to_data(("body",))["poses"]
    box = {"class": 0, "label": "body", "score": 0.9, "xyxy": [15, 15, 25, 25]}
    assert told == [{**box, "joints": [[18, 19, 1], [22, 23, 1]]}]


def bodies(seed: int, pictures: int = 5) -> list[tuple[Poses, LabelledPoses]]:
    rng = np.random.default_rng(seed)
    return [_picture(rng, int(rng.integers(1, 4))) for _ in range(pictures)]


def _picture(rng: np.random.Generator, count: int) -> tuple[Poses, LabelledPoses]:
    corners = rng.uniform(0, 100, (count, 2))
    sizes = rng.uniform(30, 120, (count, 2))
    joints = corners[:, np.newaxis] + rng.random((count, JOINTS, 2)) * sizes[:, np.newaxis]
    labelled = (rng.random((count, JOINTS, 1)) < 0.7).astype(float)
    labelled[:, 0] = 1
    truth = LabelledPoses(
        np.concatenate([joints, labelled], axis=2).astype(np.float32), sizes.prod(axis=1) * 0.6, np.zeros(count, int)
    )
    seen = rng.integers(0, count, count + 2)
    moved = truth.joints[seen].copy()
    moved[..., :2] += rng.normal(0, 1, moved[..., :2].shape) * rng.uniform(0.2, 9, (len(seen), 1, 1))
    boxes = np.concatenate([moved[..., :2].min(axis=1), moved[..., :2].max(axis=1)], axis=1)
    scores = (rng.permutation(len(seen)) + rng.random(len(seen))).astype(np.float32) / 10
    return Poses(boxes, scores, np.zeros(len(seen), np.int64), moved), truth


def pycocotools_run(pictures) -> COCOeval:
    results, truths = [], []
    for number, (poses, truth) in enumerate(pictures, start=1):
        for joints, area in zip(truth.joints, truth.areas, strict=True):
            flat = (joints * [1, 1, 2]).ravel().tolist()
            one = {"image_id": number, "category_id": 1, "keypoints": flat, "num_keypoints": int(joints[:, 2].sum())}
            truths.append({**one, "id": len(truths) + 1, "area": float(area), "bbox": [0, 0, 1, 1], "iscrowd": 0})
        results += [
            {"image_id": number, "category_id": 1, "keypoints": joints.ravel().tolist(), "score": float(score)}
            for joints, score in zip(poses.joints, poses.scores, strict=True)
        ]
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, len(pictures) + 1)],
            "annotations": truths,
            "categories": [{"id": 1}],
        }
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(results), "keypoints")
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    return run


@pytest.mark.parametrize("seed", range(8))
def test_similarity_and_precision_are_those_of_pycocotools(seed):
    pictures = bodies(seed)
    run = pycocotools_run(pictures)
    for number, (poses, truth) in enumerate(pictures, start=1):
        order = np.argsort(-poses.scores, kind="stable")
        np.testing.assert_allclose(keypoint_similarity(poses.joints[order], truth), run.ious[number, 1], atol=1e-9)
    precision = run.eval["precision"][:, :, 0, 0, 0]
    results, truths = zip(*pictures, strict=True)
    assert task().score(results, truths).value == pytest.approx(100 * precision.mean(), abs=1e-6)
    assert 3 < precision.mean() * 100 < 97


def test_a_moved_joint_lowers_the_agreement_a_little_and_a_lost_body_much():
    ours = found()
    moved = Poses(ours.xyxy, ours.scores, ours.classes, ours.joints + np.array([2, 0, 0], np.float32))
    assert task().agreement(ours, ours) == pytest.approx(1.0)
    assert 0.5 < task().agreement(ours, moved) < 0.999
    assert task().agreement(ours, ours.above(float(ours.scores[0]))) < 0.7
    assert task().agreement(ours.above(2), ours.above(2)) == 1.0


def test_other_outputs_are_refused():
    with pytest.raises(InputError, match=r"^pose: expected .* with 17 joints, got \[1, 55, 9\]$"):
        task().decode({"y": np.zeros((1, 55, 9))}, HERE)
    with pytest.raises(InputError, match=r"^pose: expected pictures, got tensors$"):
        task().decode({}, None)
