"""A last 1x1 convolution of a 1x1 picture is a matrix product.

A convolution in integers must give integers; a matrix product in integers may give float results. So the scores of a
classifier are not rounded to 256 steps, at no cost.
"""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement


def head_to_product(graph: Graph, node: Node) -> Replacement | None:
    """Return a Gemm, with what gives it a matrix and its result the shape of the picture, for such a convolution."""
    from onnx import helper

    if not _is_head(graph, node):
        return None
    weight, name = graph.constants[node.input[1]], node.name
    matrix, flat, product, shape = (f"{name}_{part}" for part in ("matrix", "flat", "product", "shape"))
    nodes = (
        helper.make_node("Flatten", [node.input[0]], [flat], f"{name}_flatten"),
        helper.make_node("Gemm", [flat, matrix, *node.input[2:]], [product], name, transB=1),
        helper.make_node("Reshape", [product, shape], list(node.output), f"{name}_reshape"),
    )
    sizes = np.array(graph.shapes[node.output[0]], np.int64)
    return Replacement(nodes, {matrix: weight.reshape(weight.shape[:2]), shape: sizes})


def _is_head(graph: Graph, node: Node) -> bool:
    if node.op_type != "Conv" or any(name not in graph.constants for name in node.input[1:] if name):
        return False
    source, result = graph.shapes.get(node.input[0], ()), graph.shapes.get(node.output[0], ())
    weight = graph.constants[node.input[1]]
    single = len(source) > 2 and source[0] == 1 and {*source[2:], *result[2:], *weight.shape[2:]} == {1}
    plain = int(attributes(node).get("group", 1)) == 1 and not any(attributes(node).get("pads", ()))
    return bool(single and plain and len(graph.consumers[node.input[1]]) == 1 and not _layers_after(graph, node))


def _layers_after(graph: Graph, node: Node) -> bool:
    waiting, seen = [node], set()
    while waiting:
        for name in waiting.pop().output:
            for reader in graph.consumers[name]:
                if reader.op_type in LAYER_OPS:
                    return True
                if reader.name not in seen:
                    seen.add(reader.name)
                    waiting.append(reader)
    return False
