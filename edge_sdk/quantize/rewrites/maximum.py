"""A GlobalMaxPool is a ReduceMax over the sizes of the picture: only the latter has an integer kernel."""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement

_AXES_ARE_AN_INPUT = 18
"""The first operator set whose ReduceMax takes its axes as an input."""


def global_max_to_reduce_max(graph: Graph, node: Node) -> Replacement | None:
    """Return a ReduceMax for a GlobalMaxPool."""
    from onnx import helper

    if node.op_type != "GlobalMaxPool" or node.input[0] not in graph.shapes:
        return None
    axes = list(range(2, len(graph.shapes[node.input[0]])))
    if graph.opset < _AXES_ARE_AN_INPUT:
        return Replacement((helper.make_node("ReduceMax", list(node.input), list(node.output), node.name, axes=axes),))
    name = f"{node.name}_axes"
    maximum = helper.make_node("ReduceMax", [node.input[0], name], list(node.output), node.name)
    return Replacement((maximum,), {name: np.array(axes, np.int64)})
