from __future__ import annotations

import pytest

from edge_sdk.package import Accuracy
from edge_sdk.quantize.guard import AccuracyBudget

BUDGET = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.0)


def measured(drop, agreement=1.0):
    return Accuracy("top-1", 90.0, None if drop is None else 90.0 - drop, -1.0, 1.0, agreement, 100)


@pytest.mark.parametrize(
    ("accuracy", "holds"),
    [
        (measured(0.5), True),
        (measured(0.1 + 0.4), True),
        (measured(0.51), False),
        (measured(-3.0), True),
        (measured(0.0, 0.9), True),
        (measured(0.0, 0.899), False),
        (measured(None, 0.95), True),
        (measured(None, 0.85), False),
    ],
)
def test_the_budget_holds_drop_and_agreement(accuracy, holds):
    assert BUDGET.holds(accuracy) is holds


@pytest.mark.parametrize(("drop", "holds"), [(1.0, True), (1.01, True), (1.02, False)])
def test_a_goal_lets_a_drop_pass_that_samples_do_not_tell_from_it(drop, holds):
    goal = AccuracyBudget(0.5, 0.9, 0.0, standard_errors=1.0)
    assert goal.holds(measured(drop)) is holds  # the interval of one point either way is 1.96 standard errors
    assert not BUDGET.holds(measured(drop))
