from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.tasks import Detections, LabelledBoxes, TaskSpec, build_task
from edge_sdk.tasks.detection import SCORING_THRESHOLD, for_scoring
from edge_sdk.transform import Transform

CASES = sorted((Path(__file__).parents[1] / "cases" / "tasks" / "detection").glob("*.json"))
LABELS = ("bolt", "nut")
HERE = Transform(source_wh=(100, 100), model_wh=(100, 100), scale_xy=(1.0, 1.0), offset_xy=(0, 0))
TASK = build_task(TaskSpec(kind="detection", head="boxes-scores", score_threshold=0.3))


def found(*boxes: tuple[int, float, list[float]]) -> Detections:
    classes, scores, xyxy = zip(*boxes, strict=True) if boxes else ((), (), ())
    return Detections(
        np.array(xyxy, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64)
    )


def labelled(*boxes: tuple[int, list[float]]) -> LabelledBoxes:
    return LabelledBoxes(
        np.array([xyxy for _, xyxy in boxes], np.float32).reshape(-1, 4),
        np.array([kind for kind, _ in boxes], np.int64),
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_outputs_of_a_head_are_read_as_the_case_says(path):
    case = json.loads(path.read_text())
    task = build_task(records.read(TaskSpec, case["task"], where=path.name))
    transform = records.read(Transform, case["transform"], where=path.name)
    shapes = case.get("shapes", {})
    outputs = {
        name: np.array(values, np.float32).reshape(shapes.get(name, np.shape(values)))
        for name, values in case["outputs"].items()
    }
    assert task.decode(outputs, transform).to_data(LABELS) == {"boxes": case["boxes"]}


@pytest.mark.parametrize(
    ("head", "shapes", "layout"),
    [
        ("boxes-scores", [(1, 9, 4)], "[1, n, 4] with [1, n, classes]"),
        ("boxes-scores", [(1, 9, 4), (1, 8, 2)], "[1, n, 4] with [1, n, classes]"),
        ("boxes-scores", [(1, 9, 5), (1, 9, 2)], "[1, n, 4] with [1, n, classes]"),
        ("boxes-scores", [(2, 9, 4), (2, 9, 2)], "[1, n, 4] with [1, n, classes]"),
        ("yolov8", [(1, 4, 9)], "[1, 4 + classes, n]"),
        ("yolov8", [(6, 9)], "[1, 4 + classes, n]"),
        ("yolov5", [(1, 9, 5)], "[1, n, 5 + classes]"),
        ("end-to-end", [(1, 9, 7)], "[1, n, 6]"),
    ],
)
def test_outputs_of_another_layout_are_refused(head, shapes, layout):
    task = build_task(TaskSpec(kind="detection", head=head))
    with pytest.raises(InputError) as caught:
        task.decode({f"out{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}, HERE)
    assert str(caught.value) == f"detection: expected {layout}, got {', '.join(str(list(shape)) for shape in shapes)}"


@pytest.mark.parametrize("head", ["boxes-scores", "yolov8", "yolov5"])
@pytest.mark.parametrize(("low", "high"), [("-3.5", "0.5"), ("0", "2.5")])
def test_scores_that_are_logits_are_refused(head, low, high):
    boxes, scores = np.ones((1, 2, 4), np.float32), np.array([[[float(low)] * 2, [float(high), 0.25]]], np.float32)
    outputs = {
        "boxes-scores": {"boxes": boxes, "scores": scores},
        "yolov8": {"y": np.concatenate([boxes, scores], axis=2).transpose(0, 2, 1)},
        "yolov5": {"y": np.concatenate([boxes, np.ones((1, 2, 1), np.float32), scores], axis=2)},
    }[head]
    task = build_task(TaskSpec("detection", head=head))
    with pytest.raises(InputError, match=rf"^detection: expected scores from 0 to 1, got {low} to {high}$") as caught:
        task.decode(outputs, HERE)
    assert caught.value.hint == "export the model with its sigmoid or softmax, or say --task tensor"


@pytest.mark.parametrize(
    ("head", "box", "message"),
    [
        ("boxes-scores", [0.1, 0.2, 0.5, 0.9], "boxes in pixels for the head boxes-scores, got values around 0.7"),
        ("ssd", [10, 20, 50, 90], "boxes as shares of the picture for the head ssd, got values around 70"),
    ],
)
def test_boxes_of_the_other_unit_are_refused(head, box, message):
    task = build_task(TaskSpec("detection", head=head))
    outputs = {"boxes": np.array([[box]], np.float32), "scores": np.array([[[0.1, 0.9]]], np.float32)}
    with pytest.raises(InputError, match=rf"^detection: expected {message}$") as caught:
        task.decode(outputs, HERE)
    assert "--head" in caught.value.hint


def test_a_yolox_head_of_another_input_size_is_refused():
    task = build_task(TaskSpec("detection", head="yolox"))
    with pytest.raises(InputError, match=r"expected a row for each cell of an input of 100x100 .* got 9 rows"):
        task.decode({"y": np.full((1, 9, 7), 0.9, np.float32)}, HERE)


def test_tensors_that_are_no_pictures_are_refused():
    with pytest.raises(InputError, match=r"^detection: expected pictures, got tensors$") as caught:
        TASK.decode({}, None)
    assert caught.value.hint == "declare [image] steps in the preprocessing"


BOX, NEAR, FAR = [0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60]


@pytest.mark.parametrize(
    ("reference", "other", "agreement"),
    [
        (found(), found(), 1.0),
        (found((0, 0.9, BOX)), found(), 0.0),
        (found((0, 0.9, BOX)), found((0, 0.5, NEAR)), 1.0),
        (found((0, 0.9, BOX)), found((1, 0.9, BOX)), 0.0),
        (found((0, 0.9, BOX)), found((0, 0.9, FAR)), 0.0),
        (found((0, 0.9, BOX), (0, 0.8, FAR)), found((0, 0.9, BOX)), 2 / 3),
        (found((0, 0.9, BOX)), found((0, 0.9, BOX), (0, 0.8, NEAR)), 2 / 3),
        (found((0, 0.9, BOX), (0, 0.8, NEAR)), found((0, 0.9, BOX)), 2 / 3),
        (found((0, 0.9, BOX)), found((0, 0.9, BOX), (0, 0.2, FAR)), 1.0),
    ],
    ids=["none", "lost", "moved", "other class", "elsewhere", "one lost", "doubled", "halved", "below the threshold"],
)
def test_the_agreement_is_the_f1_of_matching_boxes(reference, other, agreement):
    assert TASK.agreement(reference, other) == pytest.approx(agreement)


def test_weaker_boxes_change_nothing_among_the_better_ones():
    random = np.random.default_rng(0)
    left_top = random.uniform(0, 80, (300, 2))
    xyxy = np.concatenate([left_top, left_top + random.uniform(5, 20, (300, 2))], axis=1)
    outputs = {"boxes": xyxy[np.newaxis].astype(np.float32), "scores": random.random((1, 300, 3)).astype(np.float32)}
    spec = TaskSpec("detection", head="boxes-scores", score_threshold=0.6, max_detections=40)
    strict, wide = (build_task(replace(spec, score_threshold=score)).decode(outputs, HERE) for score in (0.6, 0.05))
    assert 0 < len(strict.scores) <= len(wide.scores)
    assert wide.above(0.6).to_data(()) == strict.to_data(())


def test_a_perfect_result_scores_100():
    score = TASK.score([found((1, 0.9, BOX)), found()], [labelled((1, BOX)), labelled()])
    assert (score.metric, score.value, score.outcomes) == ("AP50-95", pytest.approx(100), None)


def test_scoring_needs_the_weak_boxes_too():
    assert for_scoring(TASK.spec).score_threshold == SCORING_THRESHOLD
    assert for_scoring(TaskSpec(kind="tensor")) == TaskSpec(kind="tensor")
