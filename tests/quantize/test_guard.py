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
