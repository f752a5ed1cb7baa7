"""A division by a constant is a product with its inverse: only the product has an integer kernel."""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement


def division_to_product(graph: Graph, node: Node) -> Replacement | None:
    """Return `x * (1 / c)` for `x / c`, unless an inverse is beyond what float32 holds to full precision."""
    from onnx import helper

    if node.op_type != "Div" or not graph.is_float(node.output[0]) or node.input[1] not in graph.constants:
        return None
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = np.asarray(1 / graph.constants[node.input[1]].astype(np.float64)).astype(np.float32)
    if not np.isfinite(inverse).all() or (np.abs(inverse) < np.finfo(np.float32).tiny).any():
        return None
    name = f"{node.name}_inverse"
    product = helper.make_node("Mul", [node.input[0], name], list(node.output), node.name)
    return Replacement((product,), {name: inverse})
