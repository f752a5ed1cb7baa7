"""Layers of a decode: next to no work between operators in float, such as the mean of a distribution over bins.

A detector of bins (YOLOv8, NanoDet) ends with a Softmax, which is float, and a product that makes its 8 or 16 shares a
distance. In integers that would be two conversions for a product that costs nothing, and it would round every box to
steps of its whole range. Pure: a graph in, names out.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_sdk.quantize.graph import Graph, Node, weighted_layers

LITTLE = 0.005
"""Share of a model that may be in float without a board's plan showing it."""
REASON = "next to no work, between operators in float"

IsInteger = Callable[[Node], bool]
"""Tells whether an operator may be in integers."""


def decoding_layers(graph: Graph, is_integer: IsInteger, movers: frozenset[str]) -> frozenset[str]:
    """Return the layers that take what an operator in float makes, and that no layer follows, if they are next to none.

    Together they have at most 0.5 % of the model's multiply-accumulates and of its weights: a classifier's last layer
    behind a normalization in float is none of them.

    Args:
        graph: A cleaned graph.
        is_integer: Whether an operator other than the layers may be in integers.
        movers: Kinds of operators that only move values.
    """
    layers = weighted_layers(graph)
    names = frozenset(node.name for node in layers)
    found = [
        node
        for node in layers
        if (maker := _maker(graph, node, movers)) is not None
        and maker.name not in names
        and not is_integer(maker)
        and not any(one.name in names for one in following(graph, node)[1:])
    ]
    for measure in (graph.macs, lambda node: graph.elements(node.input[1])):
        if sum(map(measure, found)) > LITTLE * sum(map(measure, layers)):
            return frozenset()
    return frozenset(node.name for node in found)


def following(graph: Graph, start: Node) -> list[Node]:
    """Return an operator and all that its result reaches."""
    found = {start.name: start}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for reader in (reader for name in node.output for reader in graph.consumers[name]):
            if reader.name not in found:
                found[reader.name] = reader
                waiting.append(reader)
    return list(found.values())


def _maker(graph: Graph, node: Node, movers: frozenset[str]) -> Node | None:
    """Return the operator that computes what a layer reads; None for an input of the model."""
    maker = graph.producer.get(node.input[0])
    while maker is not None and maker.op_type in movers:
        maker = graph.producer.get(maker.input[0])
    return maker
