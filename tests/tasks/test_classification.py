from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.tasks import Classification, TaskSpec, build_task

CASES = sorted((Path(__file__).parents[1] / "cases" / "tasks" / "classification").glob("*.json"))
LABELS = ("bolt", "nut")
TASK = build_task(TaskSpec(kind="classification"))
NO_CLASS = Classification((), ())


def named(*classes: int) -> Classification:
    return Classification(classes, tuple(0.5 for _ in classes))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_output_is_read_as_the_case_says(path):
    case = json.loads(path.read_text())
    task = build_task(records.read(TaskSpec, case["task"], where=path.name))
    outputs = {name: np.array(values, np.float32) for name, values in case["outputs"].items()}
    assert task.decode(outputs, None).to_data(LABELS) == {"classes": case["classes"]}


@pytest.mark.parametrize(
    ("outputs", "got"),
    [
        ({}, "none"),
        ({"a": np.zeros((1, 2)), "b": np.zeros((1, 3))}, "[1, 2], [1, 3]"),
        ({"a": np.zeros((2, 5))}, "[2, 5]"),
        ({"a": np.zeros(())}, "[]"),
    ],
)
def test_other_outputs_are_refused(outputs, got):
    with pytest.raises(InputError) as caught:
        TASK.decode(outputs, None)
    assert str(caught.value) == f"classification: expected one output [1, classes], got {got}"


@pytest.mark.parametrize(
    ("reference", "other", "agreement"),
    [
        (named(3, 1), named(3, 2), 1.0),
        (named(3, 1), named(1, 3), 0.0),
        (named(0), NO_CLASS, 0.0),
        (NO_CLASS, NO_CLASS, 0.0),
    ],
)
def test_two_results_agree_if_they_name_the_same_class_first(reference, other, agreement):
    assert TASK.agreement(reference, other) == agreement


def test_the_score_is_the_share_of_right_first_classes():
    score = TASK.score([named(1, 0), named(0, 1), named(2), NO_CLASS], [1, 1, 2, 0])
    assert (score.metric, score.value) == ("top-1", 50.0)
    assert score.outcomes is not None
    assert score.outcomes.tolist() == [1, 0, 1, 0]


def test_a_resample_scores_as_if_the_samples_had_been_repeated():
    score = TASK.score([named(1), named(0), named(2)], [1, 1, 2])
    weights = np.array([[1, 1, 1], [2, 1, 0], [0, 3, 0]], np.float64)
    np.testing.assert_allclose(score.resampled(weights), [200 / 3, 200 / 3, 0])
