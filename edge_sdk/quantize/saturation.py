"""Operators without an integer kernel that another one stands for, because an integer result saturates.

- A ReLU, or a Clip that starts at 0, that cannot vanish into the range of what it clamps (others read that too) is a
  LeakyRelu with slope 0: onnxruntime looks each of 256 values up in a table. The upper end of its range is the Clip's.
- `HardSigmoid(x) = Clip(alpha * x + beta, 0, 1)` is `alpha * Clip(x + beta / alpha, 0, 1 / alpha)`: a sum that
  saturates at both ends, whose steps are read as alpha times what they were written as. That costs nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_sdk.quantize.graph import Graph, Node, attributes

CLAMPS = frozenset({"Relu", "Clip"})


@dataclass(frozen=True, slots=True)
class Saturating:
    """The operator that stands for another one.

    Attributes:
        op_type: Its type.
        settings: Its attributes.
        added: The number that it adds to what it takes; None if it takes nothing else.
        gain: Its result, read with a scale so many times the one that it was written with, is that of the other one.
    """

    op_type: str
    settings: Mapping[str, float] = field(default_factory=dict)
    added: float | None = None
    gain: float = 1.0


def saturating_form(graph: Graph, node: Node) -> Saturating | None:
    """Return what stands for an operator where its result is an integer; None if nothing does."""
    if node.op_type in CLAMPS and starts_at_zero(graph, node):
        return Saturating("LeakyRelu", {"alpha": 0.0})
    if node.op_type != "HardSigmoid":
        return None
    facts = attributes(node)
    alpha, beta = float(facts.get("alpha", 0.2)), float(facts.get("beta", 0.5))
    return Saturating("Add", added=beta / alpha, gain=alpha) if alpha > 0 else None


def starts_at_zero(graph: Graph, clamp: Node) -> bool:
    """Tell whether a ReLU or Clip has 0 as its lower bound: then so has the range of its result, exactly.

    Another lower bound is no multiple of the scale, and saturation would not be the clamp.
    """
    if clamp.op_type == "Relu":
        return True
    lower = graph.constants.get(clamp.input[1]) if len(clamp.input) > 1 else None
    return lower is not None and not lower.any() and all(name in graph.constants for name in clamp.input[2:] if name)
