from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.tasks import Anomaly, TaskSpec, build_task
from edge_sdk.tasks.anomaly import calibrated

TASK = build_task(TaskSpec("anomaly", head="reconstruction", threshold=0.5))
DISTANCE = build_task(TaskSpec("anomaly", head="distance", threshold=0.5))
NAN = float("nan")


def scored(*scores: float) -> list[Anomaly]:
    return [Anomaly(score, 0.5) for score in scores]


def test_the_score_of_a_reconstruction_is_its_mean_squared_error():
    given_, got = np.array([[1.0, 2.0, 3.0]], np.float32), np.array([[1.0, 2.5, 1.0]], np.float32)
    found = TASK.decode({"y": got}, None, {"x": given_})
    assert found == Anomaly(pytest.approx((0.25 + 4) / 3), 0.5)
    assert found.to_data(()) == {"anomaly": {"score": found.score, "threshold": 0.5, "is_anomalous": True}}


@pytest.mark.parametrize(
    ("shape", "score", "is_anomalous"), [((1,), 0.5, False), ((1, 1), 0.75, True), ((), NAN, True)]
)
def test_a_distance_is_taken_as_it_is(shape, score, is_anomalous):
    found = DISTANCE.decode({"y": np.full(shape, score)}, None)
    assert found.score == pytest.approx(score, nan_ok=True)
    assert found.is_anomalous == is_anomalous


def test_what_is_not_calibrated_calls_nothing_anomalous():
    task = build_task(TaskSpec("anomaly", head="distance"))
    told = task.decode({"y": np.array([[9.0]])}, None).to_data(())
    assert told == {"anomaly": {"score": 9.0, "threshold": None, "is_anomalous": False}}


@pytest.mark.parametrize(
    ("task", "outputs", "inputs", "message"),
    [
        (TASK, [(1, 3)], None, "one output of the input's shape, got [1, 3]"),
        (TASK, [(1, 3)], [(1, 4)], "one output of the input's shape, got [1, 3] of an input [1, 4]"),
        (DISTANCE, [(1, 3)], None, "one output [1] or [1, 1], got [1, 3]"),
    ],
)
def test_other_outputs_are_refused(task, outputs, inputs, message):
    arrays = {f"y{i}": np.zeros(shape) for i, shape in enumerate(outputs)}
    taken = {f"x{i}": np.zeros(shape) for i, shape in enumerate(inputs)} if inputs else None
    with pytest.raises(InputError) as caught:
        task.decode(arrays, None, taken)
    assert str(caught.value) == f"anomaly: expected {message}"


@pytest.mark.parametrize(
    ("one", "other", "agreement"),
    [
        (0.2, 0.2, 1),
        (0.2, 0.1, 0.5),
        (0.4, 0.6, 0),
        (0.8, 1.0, 0.8),
        (0, 0, 1),
        (NAN, NAN, 0),
        (0.2, NAN, 0),
        (-1, 1, 0),
    ],
)
def test_results_agree_by_the_ratio_of_their_scores_and_not_across_the_threshold(one, other, agreement):
    assert TASK.agreement(*scored(one, other)) == pytest.approx(agreement)


def slow_auroc(scores, truths) -> float:
    rows = list(zip(scores, truths, strict=True))
    rows = list(zip(scores, truths, strict=True))
    pairs = [(a, b) for a, is_anomalous in rows if is_anomalous for b, is_other in rows if not is_other]
    return 100 * sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3)), min_size=2, max_size=12).filter(
        lambda rows: {bool(t) for _, t, c in rows if c} == {True, False}
    )
)
def test_the_score_is_the_share_of_pairs_in_the_right_order(rows):
    scores, truths, counts = zip(*rows, strict=True)
    drawn = [(s, t) for s, t, c in rows for _ in range(c)]
    score = TASK.score(scored(*scores), [int(t) for t in truths])
    assert score.value == pytest.approx(slow_auroc(scores, truths))
    got = score.resampled(np.array([counts], np.float64))[0]
    assert got == pytest.approx(slow_auroc(*zip(*drawn, strict=True)))


def test_labels_of_one_kind_are_refused():
    with pytest.raises(InputError, match=r"expected labels of normal \(0\) and anomalous \(1\) samples, got one kind"):
        TASK.score(scored(1, 2), [0, 0])


def test_the_threshold_lets_one_in_a_hundred_normal_samples_through():
    rng = np.random.default_rng(2)
    alarms = []
    for _ in range(200):
        threshold = calibrated(scored(*rng.exponential(size=199)))
        alarms.append(np.mean(rng.exponential(size=1000) > threshold))
    assert np.mean(alarms) == pytest.approx(0.01, abs=0.002)


def test_the_threshold_of_few_samples_is_their_largest_score():
    assert calibrated(scored(3, 1, 2)) == 3
    for wrong in ([], scored(1, math.inf)):
        with pytest.raises(InputError, match="expected finite scores of normal samples"):
            calibrated(wrong)
