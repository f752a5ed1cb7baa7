from __future__ import annotations

import math

import numpy as np
import pytest

from edge_sdk.errors import GateError
from edge_sdk.package import Accuracy
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise, keep_budget

BUDGET = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.0)


def measured(drop, agreement=1.0):
    return Accuracy("top-1", 90.0, None if drop is None else 90.0 - drop, -1.0, 1.0, agreement, 100)


def layers(count, work=None):
    return [LayerNoise(f"layer-{i}", 1.0 / (i + 1), work or 1.0 / count) for i in range(count)]


class Attempts:
    """Measures choices by a rule on their size, and keeps what was asked."""

    def __init__(self, rule):
        self.asked = []
        self._rule = rule

    def __call__(self, names):
        self.asked.append(list(names))
        return measured(0.0 if self._rule(len(names)) else 1.0, 1.0 - 0.001 / (1 + len(names)))


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


def test_what_holds_at_once_needs_no_ranking():
    attempts = Attempts(lambda _: True)
    returned, accuracy = keep_budget(BUDGET, attempts, lambda: pytest.fail("ranked"))
    assert (returned, attempts.asked) == ((), [[]])
    assert BUDGET.holds(accuracy)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 100])
def test_the_fewest_layers_return_in_the_order_of_the_ranking(count):
    ranked = layers(count)
    for needed in range(1, count + 1):
        attempts = Attempts(lambda asked, needed=needed: asked >= needed)
        returned, accuracy = keep_budget(BUDGET, attempts, lambda: ranked)
        assert list(returned) == ranked[:needed]
        assert BUDGET.holds(accuracy)
        assert len(attempts.asked) <= 2 * math.log2(needed) + 3
        assert len({len(names) for names in attempts.asked}) == len(attempts.asked), "measured twice"


def test_what_is_not_monotone_ends_with_a_choice_that_was_measured():
    random = np.random.default_rng(4)
    for pattern in random.random((300, 20)) < 0.4:
        attempts = Attempts(lambda asked, pattern=pattern: asked > 0 and bool(pattern[asked - 1]))
        try:
            returned, accuracy = keep_budget(BUDGET, attempts, lambda: layers(20))
        except GateError:
            assert not any(attempts._rule(len(names)) for names in attempts.asked)
        else:
            assert pattern[len(returned) - 1]
            assert [layer.name for layer in returned] in attempts.asked
            assert BUDGET.holds(accuracy)
        assert len(attempts.asked) <= 12


def test_all_layers_may_return_where_no_share_is_asked_for():
    tenths = [LayerNoise(f"layer-{i}", 1.0, 0.1) for i in range(10)]  # whose sum is not exactly 1
    returned, _ = keep_budget(BUDGET, Attempts(lambda asked: asked == 10), lambda: tenths)
    assert len(returned) == 10


def test_a_budget_that_nothing_holds_is_a_gate():
    attempts = Attempts(lambda _: False)
    with pytest.raises(GateError) as caught:
        keep_budget(BUDGET, attempts, lambda: layers(8))
    assert str(caught.value) == (
        "accuracy: expected at most 0.5 points of drop and agreement of at least 90.0%, got a drop of 1.00 points and "
        "agreement of 100.0% with 8 layers in float and 0% of the work in integers"
    )
    assert caught.value.hint.startswith("more calibration samples, a wider --max-drop or --min-agreement, ")
    assert [len(names) for names in attempts.asked] == [0, 1, 2, 4, 8]


def test_the_share_in_integers_ends_the_search():
    budget = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.65)
    attempts = Attempts(lambda asked: asked >= 4)
    with pytest.raises(GateError) as caught:
        keep_budget(budget, attempts, lambda: layers(10))
    assert "with 3 layers in float and 70% of the work in integers" in str(caught.value)
    assert max(len(names) for names in attempts.asked) == 3


def test_a_first_layer_too_large_to_return_leaves_what_was_measured_without():
    budget = AccuracyBudget(max_drop_points=0.5, min_agreement=0.9, min_integer_share=0.5)
    attempts = Attempts(lambda _: False)
    with pytest.raises(GateError, match=r"with 0 layers in float and 100% of the work in integers$"):
        keep_budget(budget, attempts, lambda: layers(3, work=0.6))
    assert attempts.asked == [[]]


def test_without_labels_the_message_speaks_of_agreement_alone():
    with pytest.raises(GateError) as caught:
        keep_budget(BUDGET, lambda _: measured(None, 0.7), lambda: layers(2))
    assert str(caught.value).startswith("accuracy: expected agreement of at least 90.0%, got agreement of 70.0% with ")
