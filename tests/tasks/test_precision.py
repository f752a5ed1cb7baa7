"""Average precision against two others: the textbook written out in loops below, and pycocotools."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge_sdk.tasks import Detections, LabelledBoxes, TaskSpec, build_task

TASK = build_task(TaskSpec(kind="detection", head="yolov8"))
RECALLS = np.linspace(0, 1, 101)
Pictures = list[tuple[Detections, LabelledBoxes]]


def score(pictures: Pictures):
    results, truths = zip(*pictures, strict=True)
    return TASK.score(results, truths)


def random_pictures(seed: int, *, pictures: int = 6, classes: int = 3) -> Pictures:
    """Return labelled boxes, and found ones that are moved, doubled, misnamed, missing, and made up."""
    rng = np.random.default_rng(seed)
    return [_random_picture(rng, classes) for _ in range(pictures)]


def _random_picture(rng: np.random.Generator, classes: int) -> tuple[Detections, LabelledBoxes]:
    count = int(rng.integers(0, 6))
    corners = rng.uniform(0, 80, (count, 2))
    truth = np.concatenate([corners, corners + rng.uniform(8, 40, (count, 2))], axis=1).astype(np.float32)
    kinds = rng.integers(0, classes, count)
    seen = rng.integers(0, count, 2 * count) if count else np.zeros(0, np.int64)
    moved = truth[seen] + rng.normal(0, 2.5, (len(seen), 4)).astype(np.float32)
    named = np.where(rng.random(len(seen)) < 0.8, kinds[seen], rng.integers(0, classes + 1, len(seen)))
    made_up = rng.uniform(0, 60, (2, 4)).astype(np.float32) + np.array([0, 0, 60, 60], np.float32)
    xyxy = np.concatenate([moved, made_up])
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2] + 1)
    everything = np.concatenate([named, rng.integers(0, classes + 1, 2)])
    scores = rng.permutation(len(xyxy)).astype(np.float32) / 100 + rng.random(len(xyxy)).astype(np.float32) / 200
    return Detections(xyxy, scores, everything), LabelledBoxes(truth, kinds)


def textbook_ap(pictures: Pictures) -> float:
    """Return AP50-95 as the definition reads: one class, one threshold, one box at a time."""
    classes = sorted({int(kind) for _, truth in pictures for kind in truth.classes})
    values = [_ap_of(pictures, kind, 0.5 + 0.05 * step) for kind in classes for step in range(10)]
    return 100 * sum(values) / len(values)


def _ap_of(pictures: Pictures, kind: int, least_iou: float) -> float:
    ranked = sorted(
        ((float(s), i, tuple(box)) for i, (d, _) in enumerate(pictures) for box, s, k in _rows(d) if k == kind),
        key=lambda row: -row[0],
    )
    free = {
        i: [tuple(b) for b, k in zip(t.xyxy, t.classes, strict=True) if k == kind] for i, (_, t) in enumerate(pictures)
    }
    total = sum(len(boxes) for boxes in free.values())
    hits, curve = 0, []
    for rank, (_, picture, box) in enumerate(ranked, start=1):
        match = max(free[picture], key=lambda other: _iou(box, other), default=None)
        if match is not None and _iou(box, match) >= least_iou:
            free[picture].remove(match)
            hits += 1
        curve.append((hits / total, hits / rank))
    points = [max((p for r, p in curve if r >= recall), default=0.0) for recall in RECALLS]
    return sum(points) / 101


def _rows(found: Detections):
    return zip(found.xyxy, found.scores, found.classes, strict=True)


def _iou(ours: tuple[float, ...], theirs: tuple[float, ...]) -> float:
    width = min(ours[2], theirs[2]) - max(ours[0], theirs[0])
    height = min(ours[3], theirs[3]) - max(ours[1], theirs[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (
        (ours[2] - ours[0]) * (ours[3] - ours[1]) + (theirs[2] - theirs[0]) * (theirs[3] - theirs[1]) - common
    )


def pycocotools_ap(pictures: Pictures) -> float:
    truths, results = [], []
    for number, (found, truth) in enumerate(pictures, start=1):
        for box, kind in zip(truth.xyxy.tolist(), truth.classes.tolist(), strict=True):
            truths.append({**_coco(box, kind, number), "id": len(truths) + 1, "iscrowd": 0})
        results += [{**_coco(box.tolist(), int(k), number), "score": float(s)} for box, s, k in _rows(found)]
    kinds = sorted({int(k) for found, truth in pictures for k in (*found.classes, *truth.classes)})
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, len(pictures) + 1)],
            "annotations": truths,
            "categories": [{"id": kind} for kind in kinds],
        }
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return 100 * float(run.stats[0])


def _coco(xyxy: list[float], kind: int, picture: int) -> dict:
    left, top, right, bottom = xyxy
    size = [right - left, bottom - top]
    return {"image_id": picture, "category_id": kind, "bbox": [left, top, *size], "area": size[0] * size[1]}


@pytest.mark.parametrize("seed", range(12))
def test_the_score_is_that_of_the_textbook_and_of_pycocotools(seed):
    pictures = random_pictures(seed)
    got = score(pictures).value
    assert 5 < got < 95
    assert got == pytest.approx(textbook_ap(pictures), abs=1e-6)
    assert got == pytest.approx(pycocotools_ap(pictures), abs=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any))
def test_a_resample_scores_as_if_the_pictures_had_been_repeated(seed, counts):
    pictures = random_pictures(seed)
    repeated = [picture for picture, count in zip(pictures, counts, strict=True) for _ in range(count)]
    resampled = score(pictures).resampled(np.array([counts, [1] * 6], np.float64))
    assert resampled[0] == pytest.approx(score(repeated).value, abs=1e-6)
    assert resampled[1] == pytest.approx(score(pictures).value, abs=1e-6)


def test_a_class_that_nothing_found_counts_as_zero():
    pictures = random_pictures(3)
    found, truth = pictures[0]
    unseen = LabelledBoxes(
        np.concatenate([truth.xyxy, np.array([[0, 0, 9, 9]], np.float32)]), np.append(truth.classes, 77)
    )
    classes = len({int(kind) for _, one in pictures for kind in one.classes})
    wanted = score(pictures).value * classes / (classes + 1)
    assert score([(found, unseen), *pictures[1:]]).value == pytest.approx(wanted)


def test_pictures_without_labels_score_zero():
    found = random_pictures(3)[0][0]
    assert score([(found, LabelledBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)))]).value == 0.0
