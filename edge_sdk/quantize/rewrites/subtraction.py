"""A subtraction with a constant is a sum with another constant: only the sum has an integer kernel."""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement


def subtraction_to_sum(graph: Graph, node: Node) -> Replacement | None:
    """Return `x + (-c)` for `x - c`, and `c + x * -1` for `c - x`."""
    from onnx import helper

    if node.op_type != "Sub" or not graph.is_float(node.output[0]):
        return None
    left, right = node.input
    if right in graph.constants:
        name = f"{node.name}_negative"
        total = helper.make_node("Add", [left, name], list(node.output), node.name)
        return Replacement((total,), {name: -graph.constants[right]})
    if left not in graph.constants:
        return None
    minus, negative = f"{node.name}_minus_one", f"{node.output[0]}_negative"
    product = helper.make_node("Mul", [right, minus], [negative], f"{node.name}_negative")
    total = helper.make_node("Add", [left, negative], list(node.output), node.name)
    return Replacement((product, total), {minus: np.array(-1, np.float32)})
