"""What a family's variant is chosen for: the board, its times, and which plan is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_sdk.package import Accuracy
from edge_sdk.profiles import Family
from edge_sdk.quantize.costs import Costs
from edge_sdk.quantize.frontier import Frontier, Pick, Point, not_dominated
from edge_sdk.quantize.graph import Graph


@dataclass(frozen=True, slots=True)
class Aim:
    """What a family's variant is chosen for.

    Attributes:
        profile: Name of the board.
        costs: What the model takes there.
        float_family: The board's variant without integers.
        pick: Which point of the frontier is taken.
        min_gain: How many times as fast as the float variant it must be; 0 if that does not matter.
        goal_agreement: Agreement with float that the knee reaches for where a plan can have it, 0 to 1.
    """

    profile: str
    costs: Costs
    float_family: Family
    pick: Pick
    min_gain: float
    goal_agreement: float

    def gain(self, graph: Graph, family: Family) -> float:
        """Return how many times as fast as the float variant a family is, all layers quantized."""
        time = self.costs.of(graph, family)
        return self.costs.exact / time if time > 0 else 1.0

    def exact(self, size_bytes: int | None, accuracy: Accuracy | None = None) -> Point:
        """Return the float variant as a point."""
        return Point(self.float_family, self.costs.exact, size_bytes, 0.0, accuracy, holds=True)

    def frontier(self, points: Sequence[Point], exact: Point, *, chosen: Point, why: str) -> Frontier:
        """Return what the model can be: the points worth showing, and the one that was chosen of them or of float."""
        kept = dict.fromkeys([*not_dominated([*points, exact]), exact, chosen])
        listed = sorted(kept, key=lambda point: (point == exact, point.time))
        return Frontier(
            profile=self.profile,
            unit=self.costs.unit,
            basis=self.costs.basis,
            pick=self.pick,
            points=tuple(listed),
            picked=listed.index(chosen),
            why=why,
        )
