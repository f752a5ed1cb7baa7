"""A mean over sizes of a picture is an average pooling: only the pooling has an integer kernel.

Over all of them it is a GlobalAveragePool; over some (a time axis, say) an AveragePool with a window as large as they.
onnxruntime's own optimizer has already brought the mean of a transposed picture (channels last) before the transpose.
"""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement


def mean_to_pool(graph: Graph, node: Node) -> Replacement | None:
    """Return a pooling for a ReduceMean, and what gives its result the shape of the mean's where it drops axes."""
    from onnx import helper

    sizes, shape = graph.shapes.get(node.input[0], ()), graph.shapes.get(node.output[0])
    axes = _axes(graph, node, len(sizes)) if node.op_type == "ReduceMean" else set()
    if shape is None or len(sizes) < 3 or not axes or min(axes) < 2 or not graph.is_float(node.input[0]):
        return None
    if attributes(node).get("keepdims", 1):
        return Replacement((_pool(node, sizes, axes, node.output[0]),))
    pooled, target = f"{node.name}_pooled", f"{node.name}_shape"
    reshape = helper.make_node("Reshape", [pooled, target], list(node.output), f"{node.name}_reshape")
    return Replacement((_pool(node, sizes, axes, pooled), reshape), {target: np.array(shape, np.int64)})


def _axes(graph: Graph, node: Node, rank: int) -> set[int]:
    """Return the axes of a reduction, 0 to rank - 1, an attribute before operator set 18; none if they are computed."""
    axes = attributes(node).get("axes")
    if len(node.input) > 1 and node.input[1]:
        axes = graph.constants.get(node.input[1])
    return set() if axes is None else {int(axis) % rank for axis in axes}


def _pool(node: Node, sizes: tuple[int, ...], axes: set[int], result: str) -> Node:
    from onnx import helper

    if axes == set(range(2, len(sizes))):
        return helper.make_node("GlobalAveragePool", [node.input[0]], [result], node.name)
    window = [size if axis in axes else 1 for axis, size in enumerate(sizes)][2:]
    return helper.make_node("AveragePool", [node.input[0]], [result], node.name, kernel_shape=window)
