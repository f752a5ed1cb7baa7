"""HardSwish (Howard et al. 2019, "Searching for MobileNetV3") is its input times a HardSigmoid of it.

HardSwish itself has no integer kernel; a HardSigmoid is a saturating sum, and a product is a product.
"""

from __future__ import annotations

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement, name_of


def hard_swish_to_product(_graph: Graph, node: Node) -> Replacement | None:
    """Return `x * HardSigmoid(x)` for `HardSwish(x)`."""
    from onnx import helper

    if node.op_type != "HardSwish" or node.domain not in {"", "ai.onnx"}:
        return None
    name, x, gate = name_of(node), node.input[0], f"{node.output[0]}_gate"
    return Replacement(
        (
            helper.make_node("HardSigmoid", [x], [gate], f"{name}_gate", alpha=1 / 6, beta=0.5),
            helper.make_node("Mul", [x, gate], list(node.output), name),
        )
    )
