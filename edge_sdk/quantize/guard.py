"""The guard: nothing is quantized that costs more accuracy than the budget allows.

All layers start in int8. Where the budget does not hold, layers return to float, those first that add most noise for
the work they save, until it holds; the fewest are sought by doubling and halving. If so many must return that too
little is left in integers, that is said, with what was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_sdk.errors import GateError
from edge_sdk.package import Accuracy
from edge_sdk.quantize.compare import drop_of

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class AccuracyBudget:
    """What a variant may lose.

    Attributes:
        max_drop_points: Greatest drop of the metric, in points of 100; not used without labels.
        min_agreement: Least mean agreement with the float model, 0 to 1.
        min_integer_share: Least share of multiply-accumulates in integers, 0 to 1.
    """

    max_drop_points: float
    min_agreement: float
    min_integer_share: float

    def holds(self, accuracy: Accuracy) -> bool:
        """Tell whether what was measured is within the budget."""
        drop = drop_of(accuracy)
        within = drop is None or drop <= self.max_drop_points + _TOLERANCE
        return within and accuracy.agreement >= self.min_agreement - _TOLERANCE


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """What one layer costs and saves.

    Attributes:
        name: The layer.
        noise: Squared error at the model's outputs, relative to their power, with this layer alone in integers.
        work: Share of the model's multiply-accumulates, 0 to 1.
    """

    name: str
    noise: float
    work: float


Try = Callable[[Sequence[str]], Accuracy]
"""Quantizes with these layers in float and measures the result."""


def keep_budget(
    budget: AccuracyBudget, attempt: Try, ranking: Callable[[], Sequence[LayerNoise]]
) -> tuple[tuple[LayerNoise, ...], Accuracy]:
    """Return the fewest layers to return to float, in the order of the ranking, and what they reach.

    Args:
        budget: What may be lost.
        attempt: Measures a choice.
        ranking: Gives the layers, first those to return first; called only if it is needed.

    Raises:
        GateError: The budget does not hold before too little is left in integers.
    """
    accuracy = attempt(())
    if budget.holds(accuracy):
        return (), accuracy
    layers = tuple(ranking())
    most = _most_returnable(layers, budget.min_integer_share)
    tried = {0: accuracy}

    def holds(count: int) -> bool:
        if count not in tried:
            tried[count] = attempt([layer.name for layer in layers[:count]])
        return budget.holds(tried[count])

    count = 1
    while count < most and not holds(count):
        count *= 2
    high = min(count, most)
    if most == 0 or not holds(high):
        raise _missed(budget, tried, layers)
    low = count // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return layers[:high], tried[high]


def _most_returnable(layers: Sequence[LayerNoise], min_integer_share: float) -> int:
    work, count = 0.0, 0
    for layer in layers:
        work += layer.work
        if 1.0 - work < min_integer_share - _TOLERANCE:
            break
        count += 1
    return count


def _missed(budget: AccuracyBudget, tried: dict[int, Accuracy], layers: Sequence[LayerNoise]) -> GateError:
    count, best = max(tried.items(), key=lambda entry: entry[1].agreement)
    drop = drop_of(best)
    lost = "" if drop is None else f"a drop of {drop:.2f} points and "
    wanted = "" if drop is None else f"at most {budget.max_drop_points:g} points of drop and "
    share = 1.0 - sum(layer.work for layer in layers[:count])
    return GateError(
        f"accuracy: expected {wanted}agreement of at least {budget.min_agreement:.1%}, got {lost}agreement of "
        f"{best.agreement:.1%} with {count} layers in float and {share:.0%} of the work in integers",
        hint="more calibration samples, a wider --max-drop or --min-agreement, or a lower --min-integer-share",
    )
