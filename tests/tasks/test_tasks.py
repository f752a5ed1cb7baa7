from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.tasks import ModelFacts, TaskSpec, build_task, tell_task
from edge_sdk.tensors import TensorSpec

CASES = json.loads((Path(__file__).parents[1] / "cases" / "tasks" / "tell.json").read_text())


def tell(case: dict) -> TaskSpec:
    facts = ModelFacts(
        outputs=tuple(TensorSpec(name, dtype, tuple(shape)) for name, dtype, shape in case["outputs"]),
        labels=case.get("labels", 0),
        kind=case.get("said"),
        head=case.get("said_head", ""),
        input_wh=tuple(case["input_wh"]) if "input_wh" in case else None,
        exporter=case.get("exporter", ""),
        inputs=tuple(TensorSpec("x", "float32", tuple(shape)) for shape in case.get("inputs", ())),
        joints=tuple(case["kpt_shape"]) if "kpt_shape" in case else None,
    )
    return tell_task(facts)


@pytest.mark.parametrize("case", [case for case in CASES if "kind" in case], ids=str)
def test_the_task_is_told_from_the_outputs(case):
    joints, values = case.get("joints", (0, 3))
    wanted = TaskSpec(kind=case["kind"], head=case.get("head", ""), joints=joints, joint_values=values)
    assert tell(case) == wanted
    assert build_task(wanted).spec == wanted


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=str)
def test_outputs_that_are_not_those_of_the_said_task_are_refused(case):
    with pytest.raises(InputError) as caught:
        tell(case)
    assert str(caught.value) == case["error"]
    assert caught.value.hint == case.get("hint", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"score_threshold": 1.5}, "score_threshold, iou_threshold: expected 0 to 1, got 1.5 and 0.5"),
        ({"iou_threshold": float("nan")}, "score_threshold, iou_threshold: expected 0 to 1, got 0.3 and nan"),
        ({"max_detections": 0}, "max_detections, top_k: expected at least 1, got 0 and 5"),
        ({"head": "yolov8"}, "head: expected none for classification, got 'yolov8'"),
        (
            {"kind": "pose", "head": "ssd"},
            "head: expected one of yolov8-pose, end-to-end-pose for pose, got 'ssd'",
        ),
        (
            {"kind": "pose", "head": "yolov8-pose"},
            "joints, joint_values: expected joints of 2 or 3 values for pose and none else, got 0 and 3 for pose",
        ),
    ],
)
def test_an_impossible_declaration_is_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        TaskSpec(**{"kind": "classification", **wrong})
    assert str(caught.value) == message
