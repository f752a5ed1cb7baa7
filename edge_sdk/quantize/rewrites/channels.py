"""A depthwise convolution whose channels are no multiple of 8 gets channels of zeros, up to the next one.

- ARM's integer kernels for depthwise convolutions take channels by eights; others go a general way, with three times
  the instructions (docs/decisions/0011).
- The convolution before it makes the new channels from nothing, and the one behind it reads them with weights of zero.
  Between them stand only ReLUs and Clips that leave zeros alone, and nobody else reads what they give.
- It is done where the instructions saved are more than those that the new channels cost the neighbours.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement, only_reader, scalar

_LANES = 8
_FAST, _GENERAL, _DENSE = 1.0, 3.1, 0.7
"""Instructions for one multiply-accumulate: depthwise by eights, depthwise otherwise, a 1x1 convolution at most."""

Constants = dict[str, npt.NDArray[Any]]


def channels_to_lanes(graph: Graph, node: Node) -> Replacement | None:
    """Return a convolution and what leads to it from the one before a depthwise one, wider by channels of zeros."""
    chain = _chain_to(graph, node)
    depthwise = next((link for link in chain if _is_depthwise(graph, link)), None)
    if depthwise is None:
        return None
    added = -len(graph.constants[depthwise.input[1]]) % _LANES
    if not added or not _pays(graph, (chain[0], depthwise, node), added):
        return None
    constants: Constants = {}
    nodes = [_wider(graph, link, constants, rows=added) for link in chain]
    nodes.append(_wider(graph, node, constants, columns=added))
    for before, behind in itertools.pairwise(nodes):
        behind.input[0] = before.output[0]
    nodes[-1].output[0] = node.output[0]
    return Replacement(tuple(nodes), constants)


def _chain_to(graph: Graph, last: Node) -> list[Node]:
    """Return the operators that lead to a convolution from the one before the depthwise one; nothing if they do not."""
    chain: list[Node] = []
    tensor = last.input[0] if _is_dense(graph, last) else ""
    while tensor and only_reader(graph, tensor) and tensor in graph.producer:
        link = graph.producer[tensor]
        chain.insert(0, link)
        passed = any(_is_depthwise(graph, other) for other in chain[1:])
        if passed and _is_dense(graph, link):
            return chain
        if not _keeps_zero(graph, link) and (passed or not _is_depthwise(graph, link)):
            return []
        tensor = link.input[0]
    return []


def _is_depthwise(graph: Graph, node: Node) -> bool:
    group = int(attributes(node).get("group", 1)) if _is_constant(graph, node) else 1
    return group > 1 and graph.constants[node.input[1]].shape[:2] == (group, 1)


def _is_dense(graph: Graph, node: Node) -> bool:
    return _is_constant(graph, node) and int(attributes(node).get("group", 1)) == 1


def _is_constant(graph: Graph, node: Node) -> bool:
    return node.op_type == "Conv" and all(name in graph.constants for name in node.input[1:] if name)


def _keeps_zero(graph: Graph, node: Node) -> bool:
    if node.op_type == "Relu":
        return True
    if node.op_type != "Clip" or len(node.input) < 3:
        return False
    low, high = (scalar(graph, name) for name in node.input[1:])
    return low is not None and high is not None and low <= 0 <= high


def _pays(graph: Graph, layers: tuple[Node, Node, Node], added: int) -> bool:
    """Tell whether the depthwise convolution saves more instructions for a point than its neighbours take for it."""
    first, own, last = (graph.constants[node.input[1]] for node in layers)
    saved = own[0].size * (_GENERAL * len(own) - _FAST * (len(own) + added))
    points = graph.elements(layers[0].output[0]) / max(graph.elements(layers[1].output[0]), 1)
    return bool(saved > _DENSE * added * (points * first[0].size + last[:, 0].size))


def _wider(graph: Graph, node: Node, constants: Constants, *, rows: int = 0, columns: int = 0) -> Node:
    """Return a copy of an operator that gives, or takes, so many channels more; its weights go to the constants."""
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.output[0] = f"{node.output[0]}_lanes"
    for index, name in enumerate(node.input):
        if node.op_type == "Conv" and name in graph.constants:
            values = graph.constants[name]
            sides = [(0, rows), (0, columns), *[(0, 0)] * values.ndim][: values.ndim]
            copy.input[index] = f"{node.name}_lanes_{index}"
            constants[copy.input[index]] = np.pad(values, sides)
    for attribute in copy.attribute:
        if attribute.name == "group" and attribute.i > 1:
            attribute.i += rows
    return copy
