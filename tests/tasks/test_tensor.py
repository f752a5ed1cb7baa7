from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.tasks import TaskSpec, TensorResult, build_task

TASK = build_task(TaskSpec(kind="tensor"))
REFERENCE = np.array([3.0, 4.0], np.float32)


def result(*arrays: np.ndarray) -> TensorResult:
    return TensorResult({f"out{i}": array for i, array in enumerate(arrays)})


def test_outputs_are_kept_as_they_are():
    decoded = TASK.decode({"out0": REFERENCE}, None)
    assert decoded.to_data(()) == {"tensors": {"out0": [3.0, 4.0]}}


@pytest.mark.parametrize(
    ("other", "agreement"),
    [
        ([3.0, 4.0], 1.0),
        ([3.0, 3.0], 0.8),
        ([-3.0, -4.0], 0.0),
        ([np.nan, 4.0], 0.0),
        ([np.inf, 4.0], 0.0),
        ([3.0, 4.0, 0.0], 0.0),
    ],
)
def test_the_agreement_is_one_minus_the_relative_distance(other, agreement):
    assert TASK.agreement(result(REFERENCE), result(np.array(other, np.float32))) == pytest.approx(agreement)


def test_the_output_that_agrees_least_counts():
    reference = result(REFERENCE, np.zeros(2), np.array(["a"], object))
    assert TASK.agreement(reference, reference) == 1.0
    assert TASK.agreement(reference, result(REFERENCE, np.ones(2), np.array(["a"], object))) == 0.0
    assert TASK.agreement(reference, result(REFERENCE, np.zeros(2), np.array(["b"], object))) == 0.0


def test_whole_numbers_do_not_wrap_around():
    small, great = np.array([1], np.uint8), np.array([2], np.uint8)
    assert TASK.agreement(result(great), result(small)) == 0.5
    assert TASK.agreement(result(small), result(great)) == 0.0


def test_tensors_have_no_metric():
    with pytest.raises(InputError, match="expected classification or detection to score labels, got tensor"):
        TASK.score([result(REFERENCE)], [0])
