"""The last 1x1 convolutions of a model as matrix products: in integers, with results in float.

An integer convolution of onnxruntime gives integers, so what a detector decodes would be rounded to 256 steps of the
widest map: scores tie, and the best of them are cut off. An integer product may give float results, at no cost. A 1x1
convolution is a product over channels; with channels last, as integer kernels have them, the axes move for nothing.
Pure: a graph and a placement in, a graph out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.decodes import following
from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.placement import Placement
from edge_sdk.quantize.rewrites.replacement import Replacement, apply_rewrite
from edge_sdk.quantize.saturation import CLAMPS

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Ended:
    """A graph whose last convolutions are products.

    Attributes:
        graph: The graph.
        rows: What the products read, a place a row -> the tensor of which it is made; empty if nothing was replaced.
    """

    graph: Graph
    rows: Mapping[str, str]


def end_in_float(graph: Graph, placement: Placement) -> Ended:
    """Return a graph in which products stand for the last 1x1 convolutions that are in integers.

    Args:
        graph: A cleaned graph.
        placement: Where its integers are.
    """
    import onnx

    rows: dict[str, str] = {}

    def product(_: Graph, node: Node) -> Replacement | None:
        if not _is_last(graph, placement, node):
            return None
        name = graph.fresh(f"{node.name}_rows")
        rows[name] = node.input[0]
        return _product(graph, node, name)

    changed = apply_rewrite(graph, product)
    if changed is None:
        return Ended(graph, {})
    return Ended(Graph(onnx.shape_inference.infer_shapes(changed, data_prop=True)), rows)


def _is_last(graph: Graph, placement: Placement, node: Node) -> bool:
    if node.op_type != "Conv" or node.name not in placement.layers:
        return False
    facts, result = attributes(node), graph.shapes.get(node.output[0], ())
    plain = int(facts.get("group", 1)) == 1 and {*facts.get("strides", (1,))} == {1} and not any(facts.get("pads", ()))
    alone = len(result) == 4 and result[0] == 1 and {*graph.constants[node.input[1]].shape[2:]} == {1}
    after = following(graph, node)[1:]
    readers = graph.consumers[node.output[0]]
    read_as_it_is = not any(one.op_type in CLAMPS for one in readers)
    return plain and alone and read_as_it_is and placement.integer.isdisjoint(one.name for one in after)


def _product(graph: Graph, node: Node, rows: str) -> Replacement:
    """Return a Gemm with what gives it a place a row, and its result the shape of the maps."""
    from onnx import helper

    weight, name = graph.constants[node.input[1]], node.name
    _, channels, height, width = graph.shapes[node.output[0]]
    parts = ("last", "as_rows", "matrix", "product", "maps", "as_maps")
    last, as_rows, matrix, product, maps, as_maps = (graph.fresh(f"{name}_{part}") for part in parts)
    nodes = (
        helper.make_node("Transpose", [node.input[0]], [last], last, perm=_TO_LAST),
        helper.make_node("Reshape", [last, as_rows], [rows], rows),
        helper.make_node("Gemm", [rows, matrix, *node.input[2:]], [product], name, transB=1),
        helper.make_node("Reshape", [product, as_maps], [maps], maps),
        helper.make_node("Transpose", [maps], list(node.output), f"{name}_first", perm=_TO_FIRST),
    )
    constants = {
        matrix: weight.reshape(weight.shape[:2]),
        as_rows: np.array([height * width, weight.shape[1]], np.int64),
        as_maps: np.array([1, height, width, channels], np.int64),
    }
    return Replacement(nodes, constants)
