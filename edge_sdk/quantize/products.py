"""The layers whose weights are a matrix or a table that is read at run time: what each is, freed of its spelling.

A `Gemm` and a `MatMul` with constant weights are one thing, a product of rows with a matrix [inputs, outputs] and
perhaps a bias. Recurrent layers and tables of embeddings keep their own shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import RECURRENT_OPS, Graph, Node, attributes

_WEIGHTS = {"Conv": (1,), **dict.fromkeys(sorted(RECURRENT_OPS), (1, 2))}
"""Which inputs of an operator are weights that are constant while it runs."""
_LEAST_TABLE = 4096
"""Values from which on a table is worth its scales."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product of rows with a constant matrix.

    Attributes:
        rows: Name of the tensor of rows.
        weight: The matrix, float32 [inputs, outputs].
        bias: What is added: the name of a tensor; empty if nothing is.
    """

    rows: str
    weight: npt.NDArray[np.float32]
    bias: str


def product_of(graph: Graph, node: Node) -> Product | None:
    """Return a MatMul or Gemm with constant weights as a product; None if it is none."""
    if node.op_type not in {"MatMul", "Gemm"} or not graph.is_float(node.output[0]):
        return None
    weight = graph.constants.get(node.input[1])
    if weight is None or weight.ndim != 2 or weight.dtype != np.float32 or node.input[0] in graph.constants:
        return None
    if node.op_type == "MatMul":
        return Product(node.input[0], weight, "")
    facts = attributes(node)
    bias = node.input[2] if len(node.input) > 2 else ""
    if facts.get("transA", 0) or facts.get("alpha", 1.0) != 1 or (bias and facts.get("beta", 1.0) != 1):
        return None
    return Product(node.input[0], weight.T if facts.get("transB", 0) else weight, bias)


def is_dynamic_lstm(graph: Graph, node: Node) -> bool:
    """Tell whether a node is an LSTM that onnxruntime's DynamicQuantizeLSTM can stand for."""
    return node.op_type == "LSTM" and not attributes(node).get("layout", 0) and has_stored_weights(graph, node)


def has_stored_weights(graph: Graph, node: Node) -> bool:
    """Tell whether a node has float32 weights, or is a table, that a file can hold in int8 for it."""
    if node.op_type == "Gather":
        by_row = not attributes(node).get("axis", 0) and graph.elements(node.input[0]) >= _LEAST_TABLE
        return by_row and _is_float(graph.constants.get(node.input[0]), 2)
    places = _WEIGHTS.get(node.op_type, ())
    return bool(places) and all(_is_float(graph.constants.get(node.input[i]), 3) for i in places)


def stored_weights(node: Node) -> tuple[str, ...]:
    """Return the names of the weights of a node that `has_stored_weights`."""
    return (node.input[0],) if node.op_type == "Gather" else tuple(node.input[i] for i in _WEIGHTS[node.op_type])


def _is_float(array: npt.NDArray[Any] | None, least_axes: int) -> bool:
    return array is not None and array.dtype == np.float32 and array.ndim >= least_axes
