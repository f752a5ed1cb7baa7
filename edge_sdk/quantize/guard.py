"""The guard: what a variant may lose, and what each layer costs of it.

The search (`edge_sdk.quantize.search`) keeps it: nothing is quantized that costs more accuracy than the budget allows.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.package import Accuracy
from edge_sdk.quantize.compare import drop_of, error_of_drop

TOLERANCE = 1e-9
"""What sums of shares may be off by."""


@dataclass(frozen=True, slots=True)
class AccuracyBudget:
    """What a variant may lose.

    Attributes:
        max_drop_points: Greatest drop of the metric, in points of 100; not used without labels.
        min_agreement: Least mean agreement with the float model, 0 to 1.
        min_integer_share: Least share of multiply-accumulates in integers, 0 to 1.
        standard_errors: By how many standard errors of its own a measured drop may pass the greatest drop: what lies
            nearer is not told apart from it.
    """

    max_drop_points: float
    min_agreement: float
    min_integer_share: float
    standard_errors: float = 0.0

    def holds(self, accuracy: Accuracy) -> bool:
        """Tell whether what was measured is within the budget."""
        drop, most = drop_of(accuracy), self.max_drop_points + self.standard_errors * error_of_drop(accuracy)
        within = drop is None or drop <= most + TOLERANCE
        return within and accuracy.agreement >= self.min_agreement - TOLERANCE


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """What one layer costs and saves.

    Attributes:
        name: The layer.
        noise: Squared error at the model's outputs, relative to their power, with this layer alone in integers; in the
            order of a search, what it takes away there.
        work: Share of the model's multiply-accumulates, 0 to 1.
    """

    name: str
    noise: float
    work: float
