"""The frontier: what a model can be on a board, from fastest to most accurate, and the point that is taken.

Pure records and rules:

- A point is dominated if another is as fast, agrees as well and is as much within the budget, and is better in one of
  these.
- The knee is the point nearest to both ideals: time scaled from the fastest point to the float variant, and
  disagreement scaled from the fastest point's to none, summed. The ends have 1; what is past the knee buys less
  agreement than it costs speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_sdk.package import Accuracy

Pick = Literal["knee", "fastest", "most-accurate"]
"""Which point of the frontier is taken among those that hold the budget."""


@dataclass(frozen=True, slots=True)
class Point:
    """One variant that a model could be.

    Attributes:
        family: Its family.
        time: Of one inference on the board, in the frontier's unit.
        size_bytes: Size of its file; None if it was not made.
        integer_share: Share of multiply-accumulates in the layers that are quantized, 0 to 1.
        accuracy: What was measured; None for the float variant, and where nothing was.
        holds: Whether it is within the budget; the float variant is.
        layers: Names of the layers that stay in float.
    """

    family: str
    time: float
    size_bytes: int | None
    integer_share: float
    accuracy: Accuracy | None
    holds: bool
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What a model can be on a board.

    Attributes:
        profile: The board whose times these are.
        unit: What times are told in: `ms`, or `% of float`.
        basis: Where they come from, in words.
        pick: Which point was asked for.
        points: The points that no other dominates, the fastest first; the float variant is the last.
        picked: Index of the one that was taken.
        why: What decided, in words.
    """

    profile: str
    unit: str
    basis: str
    pick: Pick
    points: tuple[Point, ...]
    picked: int
    why: str

    @property
    def chosen(self) -> Point:
        """The point that was taken."""
        return self.points[self.picked]

    def gain(self, point: Point) -> float:
        """Return how many times as fast as the float variant a point is."""
        return self.points[-1].time / point.time if point.time > 0 else 1.0


def agreement_of(point: Point) -> float:
    """Return how far a point agrees with the float model, 0 to 1; what was not measured is the float model."""
    return 1.0 if point.accuracy is None else point.accuracy.agreement


def not_dominated(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points that no other dominates, the fastest first."""
    ordered = sorted(points, key=lambda point: (point.time, -agreement_of(point), not point.holds))
    return tuple(point for i, point in enumerate(ordered) if not any(_dominates(other, point) for other in ordered[:i]))


def _dominates(one: Point, other: Point) -> bool:
    """Tell whether a point that is not slower makes another superfluous."""
    return agreement_of(one) >= agreement_of(other) and one.holds >= other.holds


def knee_of(points: Sequence[Point], fastest: Point, exact_time: float) -> Point:
    """Return the knee among points.

    Args:
        points: Those to choose from; at least one.
        fastest: The point that both axes start from.
        exact_time: Time of the float variant, where both axes end.
    """
    span, loss = exact_time - fastest.time, 1.0 - agreement_of(fastest)

    def distance(point: Point) -> tuple[float, float]:
        slower = (point.time - fastest.time) / span if span > 0 else 0.0
        lossier = (1.0 - agreement_of(point)) / loss if loss > 0 else 0.0
        return slower + lossier, point.time

    return min(points, key=distance)
