"""A PRelu with one slope for all is a LeakyRelu: only the latter has an integer kernel."""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement


def prelu_to_leaky_relu(graph: Graph, node: Node) -> Replacement | None:
    """Return a LeakyRelu for a PRelu whose slopes are all one number."""
    from onnx import helper

    slopes = graph.constants.get(node.input[1]) if node.op_type == "PRelu" else None
    if slopes is None or slopes.dtype != np.float32 or slopes.min() != slopes.max():
        return None
    slope = float(slopes.flat[0])
    return Replacement((helper.make_node("LeakyRelu", [node.input[0]], list(node.output), node.name, alpha=slope),))
