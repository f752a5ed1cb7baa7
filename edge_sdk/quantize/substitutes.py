"""What each family puts in the place of a layer whose inputs need no calibrated ranges.

| family | products (MatMul, Gemm) | LSTM | GRU, RNN, tables | Conv |
|---|---|---|---|---|
| dynamic-int8 | int8, ranges of each inference | int8, the same | stored in int8 | stored in int8 |
| weight-int8, weight-int4 | blocks of 8 or 4 bits | stored in int8 | stored in int8 | stored in int8 |
| arm-int8, x86-int8 | (static) | int8, ranges of each inference | | (static) |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from edge_sdk.profiles import Family
from edge_sdk.quantize.blockwise import Bits, blockwise_product
from edge_sdk.quantize.dynamic import dynamic_lstm, dynamic_product
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.products import has_stored_weights, is_dynamic_lstm, product_of
from edge_sdk.quantize.replace import Replacement
from edge_sdk.quantize.stored import stored_layer

Kind = Literal["dynamic", "lstm", "blocks", "stored"]
"""How a layer is replaced."""
BITS: Mapping[Family, Bits] = {"weight-int8": 8, "weight-int4": 4}
"""Bits of a weight in the families that quantize weights alone."""
WITHOUT_RANGES: frozenset[Family] = frozenset({"dynamic-int8", *BITS})
"""The families that need no calibration."""
_WITH_LSTM: frozenset[Family] = frozenset({"dynamic-int8", "arm-int8", "x86-int8"})


def kind_of(family: Family, graph: Graph, node: Node) -> Kind | None:
    """Return how a family replaces a layer; None if it leaves it as it is."""
    if family in _WITH_LSTM and is_dynamic_lstm(graph, node):
        return "lstm"
    if family not in WITHOUT_RANGES:
        return None
    if product_of(graph, node) is not None:
        return "blocks" if family in BITS else "dynamic"
    return "stored" if has_stored_weights(graph, node) else None


def substituted_layers(family: Family, graph: Graph) -> tuple[Node, ...]:
    """Return the layers that a family replaces, in the order of execution."""
    return tuple(node for node in graph.nodes if kind_of(family, graph, node) is not None)


def substitutes(family: Family, graph: Graph, excluded: Sequence[str] = ()) -> dict[str, Replacement]:
    """Return what stands in the place of the layers of a family, by name; the excluded ones stay."""
    layers = (node for node in substituted_layers(family, graph) if node.name not in excluded)
    return {node.name: _substitute(family, graph, node) for node in layers}


def _substitute(family: Family, graph: Graph, node: Node) -> Replacement:
    kind, product = kind_of(family, graph, node), product_of(graph, node)
    if kind == "lstm":
        return dynamic_lstm(graph, node)
    if product is None:
        return stored_layer(graph, node)
    bits = BITS.get(family)
    return dynamic_product(graph, node, product) if bits is None else blockwise_product(node, product, bits)
