from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.tasks import Forecast, TaskSpec, build_task

TASK = build_task(TaskSpec("forecast"))
RNG = np.random.default_rng(7)


def foretold(*values: float) -> Forecast:
    return Forecast(np.array(values, np.float32))


def test_the_values_are_kept_in_their_shape():
    values = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    assert TASK.decode({"y": values}, None).to_data(()) == {"forecast": [[0, 1], [2, 3], [4, 5]]}
    assert TASK.decode({"y": np.array([4.0])}, None).to_data(()) == {"forecast": [4]}


@pytest.mark.parametrize("arrays", [[], [(2, 3)], [()], [(1, 2), (1, 2)]])
def test_other_outputs_are_refused(arrays):
    with pytest.raises(InputError, match=r"^forecast: expected one output \[batch, ...\] of numbers, a batch of 1"):
        TASK.decode({f"y{i}": np.zeros(shape) for i, shape in enumerate(arrays)}, None)


@pytest.mark.parametrize(
    ("one", "other", "agreement"),
    [
        ((2, 4), (2, 4), 1),
        ((2, 4), (2, 3.4), 0.9),
        ((2, 4), (-2, -4), 0),
        ((0, 0), (0, 0), 1),
        ((1,), (float("nan"),), 0),
        ((1,), (1, 1), 0),
    ],
)
def test_the_agreement_is_one_less_the_mean_absolute_difference_as_a_share(one, other, agreement):
    assert TASK.agreement(foretold(*one), foretold(*other)) == pytest.approx(agreement, abs=1e-6)


def slow_r2(pairs) -> float:
    columns = range(len(pairs[0][0]))
    means = [sum(true[i] for _, true in pairs) / len(pairs) for i in columns]
    error = sum((found[i] - true[i]) ** 2 for found, true in pairs for i in columns)
    return 100 * (1 - error / sum((true[i] - means[i]) ** 2 for _, true in pairs for i in columns))


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [2, 1, 0, 3]])
def test_the_score_is_the_share_of_the_spread_that_is_foretold(counts):
    true = RNG.normal(size=(4, 3))
    found = true + RNG.normal(0, 0.3, size=(4, 3))
    score = TASK.score([foretold(*row) for row in found], list(true))
    drawn = [(f, t) for f, t, count in zip(found, true, counts, strict=True) for _ in range(count)]
    assert score.metric == "R2"
    assert score.resampled(np.array([counts], np.float64))[0] == pytest.approx(slow_r2(drawn), abs=1e-3)


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"^forecast: expected labels of 2 values, got 3$"):
        TASK.score([foretold(1, 2)], [np.zeros(3)])
