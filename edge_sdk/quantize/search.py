"""One search for accuracy and speed: which layers stay in float.

1. Layers are ordered once, by a greedy choice: the next to return to float is the one, or are the neighbours, that take
   away most noise for the time they cost, given those that are in float already (neighbours in float share conversions,
   and do not round what is between them).
2. Along this order a few points are measured. Noise tells where: disagreement grows with the root of the noise that is
   left. A guess that misses is mended by the next, between the last point that failed and the first that held.
3. Among what was measured, a point is taken (`Pick`).

Pure: times and measurements come as functions; the same answers give the same choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_sdk.errors import GateError
from edge_sdk.quantize.compare import drop_of
from edge_sdk.quantize.frontier import Pick, Point, agreement_of, knee_of
from edge_sdk.quantize.guard import TOLERANCE, AccuracyBudget, LayerNoise

_CLOSE_ENOUGH = 0.01
"""Share of the float variant's time that is not worth another measurement."""
_KEPT_SAVING = 0.5
"""Share of the time saved by all layers in integers that agreement beyond the budget may not cost."""
_LEAST_TIME = 1e-3
"""Share of the float variant's time that a layer costs at least: where the model sees none, noise alone decides."""
_CLEARLY_MORE = 1.25
"""By how much more noise several layers must take away than the one of them that takes away most."""
_NOISE_STEPS = (4.0, 16.0, 64.0)
"""By how much less noise the points lie that the most accurate one is sought among."""

TimeOf = Callable[[Collection[str]], float]
"""Time of the variant with these layers in float."""
NoiseOf = Callable[[Collection[str]], float]
"""Noise at the outputs of the variant with these layers in float."""
Measure = Callable[[Sequence[str]], Point]
"""Makes and measures the variant with these layers in float."""


class BudgetMissedError(GateError):
    """No plan that is worth its integers holds the budget.

    Attributes:
        points: What was measured.
    """

    def __init__(self, message: str, *, points: Sequence[Point], hint: str) -> None:
        super().__init__(message, hint=hint)
        self.points = tuple(points)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a choice must hold.

    Attributes:
        budget: What may be lost.
        pick: Which of the points that hold it is taken.
        exact_time: Time of the float variant.
        min_gain: How many times as fast as that a choice must be.
        goal_agreement: Agreement that the knee reaches for where a plan can have it that keeps half of the time saved.
    """

    budget: AccuracyBudget
    pick: Pick
    exact_time: float
    min_gain: float
    goal_agreement: float

    @property
    def most_time(self) -> float:
        """The longest time that is still worth it."""
        return self.exact_time / self.min_gain if self.min_gain > 0 else float("inf")

    def most_time_for_goal(self, fastest: float) -> float:
        """Return the longest time that the goal is worth; `fastest` is that of all layers in integers."""
        saved = self.exact_time - fastest
        return min(self.most_time, fastest + (1.0 - _KEPT_SAVING) * saved) if saved > 0 else self.most_time


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        point: The point that was taken.
        returned: The layers that stay in float there, in the order of the search.
        measured: All points that were measured, in the order of their layers.
        why: What decided, in words.
    """

    point: Point
    returned: tuple[LayerNoise, ...]
    measured: tuple[Point, ...]
    why: str


def order_layers(
    layers: Sequence[LayerNoise],
    time_of: TimeOf,
    noise_of: NoiseOf,
    neighbours: Mapping[str, Collection[str]],
    *,
    exact_time: float,
) -> tuple[LayerNoise, ...]:
    """Return the layers in the order in which they return to float, each with the noise that it takes away then.

    A layer returns with one neighbour or all of them where that takes away more for the time, and clearly more than any
    of them alone: what is rounded between two layers is in float only if both are.

    Args:
        layers: The layers, in the order of execution.
        time_of: Time of a choice.
        noise_of: Noise that is left with a choice.
        neighbours: The layers whose time and noise in float depend on whether a layer is, by its name.
        exact_time: Time of the float variant.
    """
    left = {layer.name: layer for layer in layers}
    order: list[LayerNoise] = []
    taken: dict[tuple[str, ...], float] = {}
    worth: dict[tuple[str, ...], float] = {}
    time, noise = time_of(()), noise_of(())
    stale: Collection[tuple[str, ...]] = _groups(left, neighbours)
    while left:
        chosen = {layer.name for layer in order}
        for group in stale:
            with_it = chosen.union(group)
            cost = max(time_of(with_it) - time, _LEAST_TIME * exact_time)
            taken[group] = noise - noise_of(with_it)
            alone = max(taken.get((name,), 0.0) for name in group)
            is_clear = len(group) == 1 or taken[group] > _CLEARLY_MORE * alone
            worth[group] = taken[group] / cost if is_clear else -math.inf
        best = max(worth, key=lambda group: worth[group])
        for name in sorted(left.keys() & best, key=lambda name: (-taken[name,], best.index(name))):
            chosen.add(name)
            rest = noise_of(chosen)
            order.append(replace(left.pop(name), noise=max(noise - rest, 0.0)))
            noise = rest
        time = time_of(chosen)
        worth = {group: gain for group, gain in worth.items() if not left.keys().isdisjoint(group)}
        touched = set(best).union(*(neighbours.get(name, ()) for name in best))
        stale = [group for group in worth if not touched.isdisjoint(group)]
    return tuple(order)


def _groups(names: Collection[str], neighbours: Mapping[str, Collection[str]]) -> Collection[tuple[str, ...]]:
    """Return the layers that may return together: each alone, with one neighbour, and with all."""
    found: dict[tuple[str, ...], None] = {(name,): None for name in names}
    for name in names:
        near = [other for other in names if other in neighbours.get(name, ())]
        for together in (*({name, other} for other in near), {name, *near}):
            found[tuple(each for each in names if each in together)] = None
    return tuple(found)


def search(terms: Terms, measure: Measure, order: Callable[[], Sequence[LayerNoise]], *, time_of: TimeOf) -> Found:
    """Choose which layers stay in float.

    Args:
        terms: What the choice must hold.
        measure: Makes and measures the variant with these layers in float.
        order: Gives the layers in the order in which they return; called only if it is needed.
        time_of: Time of a choice.

    Raises:
        BudgetMissedError: No plan holds the budget that keeps enough in integers and is fast enough.
    """
    start = measure(())
    if terms.pick != "most-accurate" and _satisfied(terms, start):
        return Found(start, (), (start,), "all layers in integers hold the budget")
    return _Search(terms, measure, order(), time_of=time_of, start=start).found()


def _satisfied(terms: Terms, point: Point) -> bool:
    """Tell whether no faster point than this one would be measured for its sake."""
    reached = terms.pick == "fastest" or agreement_of(point) >= terms.goal_agreement - TOLERANCE
    return point.holds and reached


class _Search:
    """Points along one order of layers: those measured, and which to measure next."""

    def __init__(
        self, terms: Terms, measure: Measure, order: Sequence[LayerNoise], *, time_of: TimeOf, start: Point
    ) -> None:
        self._terms = terms
        self._measure = measure
        self._order = tuple(order)
        self._points = {0: start}
        left = [0.0]
        for layer in reversed(self._order):
            left.append(left[-1] + layer.noise)
        self._noise_left = left[::-1]
        self._most = self._most_returnable(time_of, terms.most_time)
        self._most_for_goal = self._most_returnable(time_of, terms.most_time_for_goal(start.time))

    def found(self) -> Found:
        if self._terms.pick == "most-accurate":
            for step in _NOISE_STEPS:
                self._at(self._first_with_noise(self._noise_left[0] / step, 0, self._most))
            self._at(self._most)
        elif self._terms.pick == "fastest" or not self._reaches_goal():
            self._fewest(lambda point: point.holds, 1.0 - self._terms.budget.min_agreement, self._most)
        holding = {count: point for count, point in self._points.items() if point.holds}
        if not holding:
            raise self._missed()
        count, why = self._taken(holding)
        measured = tuple(self._points[each] for each in sorted(self._points))
        return Found(self._points[count], self._order[:count], measured, why)

    def _reaches_goal(self) -> bool:
        """Look for the fastest plan that agrees as well as the knee is to; tell whether there is one."""
        loss = 1.0 - self._terms.goal_agreement
        return self._fewest(lambda point: _satisfied(self._terms, point), loss, self._most_for_goal) is not None

    def _taken(self, holding: Mapping[int, Point]) -> tuple[int, str]:
        """Return the count of layers of the point that is taken, and why."""
        pick = self._terms.pick
        if pick == "fastest":
            return min(
                holding, key=lambda count: (holding[count].time, -agreement_of(holding[count]))
            ), "the fastest plan that holds the budget"
        if pick == "most-accurate":
            best = max(holding, key=lambda count: (agreement_of(holding[count]), -holding[count].time))
            return best, f"the most accurate plan that is {self._terms.min_gain:g} times as fast as float"
        goal = f"{self._terms.goal_agreement:.0%}"
        most_time = self._terms.most_time_for_goal(self._points[0].time)
        reaching = [n for n, point in holding.items() if _satisfied(self._terms, point) and point.time <= most_time]
        if reaching:
            fastest = min(reaching, key=lambda count: holding[count].time)
            return fastest, f"the fastest plan that agrees with float on {goal} or more"
        knee = knee_of(list(holding.values()), self._points[0], self._terms.exact_time)
        count = next(count for count, point in holding.items() if point is knee)
        return count, f"the knee among the plans that hold the budget; {self._why_no_goal()}"

    def _why_no_goal(self) -> str:
        """Return why no plan reaches the goal, with what the one of them agrees on that has most in float."""
        goal = f"{self._terms.goal_agreement:.0%}"
        told = f"none that keeps half of the time saved, and enough in integers, agrees with float on {goal} within it"
        last = max(count for count in self._points if count <= self._most_for_goal)
        return f"{told}: with {last} layers in float, the most that do, {agreement_of(self._points[last]):.1%} agree"

    def _at(self, count: int) -> Point:
        if count not in self._points:
            self._points[count] = self._measure([layer.name for layer in self._order[:count]])
        return self._points[count]

    def _most_returnable(self, time_of: TimeOf, most_time: float) -> int:
        """Return how many layers may return before too little is in integers, or it takes too much time."""
        work, names = 0.0, []
        for count, layer in enumerate(self._order):
            work += layer.work
            names.append(layer.name)
            if 1.0 - work < self._terms.budget.min_integer_share - TOLERANCE or time_of(names) > most_time:
                return count
        return len(self._order)

    def _fewest(self, wanted: Callable[[Point], bool], loss: float, most: int) -> int | None:
        """Return about the fewest layers that must return for a wish, and measure that point; None if none does.

        Args:
            wanted: The wish.
            loss: The disagreement that it allows.
            most: How many may return.
        """
        known = {count: wanted(point) for count, point in self._points.items() if count <= most}
        high = min((count for count, good in known.items() if good), default=None)
        low = max((count for count, good in known.items() if not good and (high is None or count < high)), default=-1)
        by_noise = True
        while low < most and (high is None or (high - low > 1 and not self._is_close(low, high))):
            middle = self._guess(low, most if high is None else high - 1, loss if by_noise else 1.0)
            by_noise = not by_noise
            if wanted(self._at(middle)):
                high = middle
            else:
                low = middle
        return high

    def _is_close(self, low: int, high: int) -> bool:
        """Tell whether the points between two measured ones would save next to nothing."""
        return self._points[high].time - self._points[low].time <= _CLOSE_ENOUGH * self._terms.exact_time

    def _guess(self, low: int, last: int, loss: float) -> int:
        """Return where to measure next: where the noise that is left gives the loss, or in the middle."""
        had = 1.0 - agreement_of(self._points[low])
        if had > loss:
            return self._first_with_noise(self._noise_left[low] * (loss / had) ** 2, low + 1, last)
        return (low + 1 + last) // 2

    def _first_with_noise(self, noise: float, least: int, most: int) -> int:
        """Return the first count, within bounds, that leaves no more noise than this."""
        return next((count for count in range(least, most) if self._noise_left[count] <= noise), most)

    def _missed(self) -> BudgetMissedError:
        count, best = max(self._points.items(), key=lambda entry: (agreement_of(entry[1]), -entry[0]))
        budget = self._terms.budget
        drop = drop_of(best.accuracy) if best.accuracy is not None else None
        lost = "" if drop is None else f"a drop of {drop:.2f} points and "
        wanted = "" if drop is None else f"at most {budget.max_drop_points:g} points of drop and "
        share = 1.0 - sum(layer.work for layer in self._order[:count])
        return BudgetMissedError(
            f"accuracy: expected {wanted}agreement of at least {budget.min_agreement:.1%}, got {lost}agreement of "
            f"{agreement_of(best):.1%} with {count} layers in float and {share:.0%} of the work in integers",
            points=[self._points[each] for each in sorted(self._points)],
            hint="more calibration samples, a wider --max-drop or --min-agreement, or a lower --min-integer-share",
        )
