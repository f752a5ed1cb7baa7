"""Layers that compute in float with weights that the file stores in int8.

For what has no integer kernel: GRU and RNN, recurrent layers where weights alone are quantized, tables of embeddings.

- The weights of a layer are written as Cast and Mul of int8 and scales, which onnxruntime computes once, when it loads
  the model: the file is a quarter, time and memory are those of the float model. (A DequantizeLinear it would compute
  in each inference: measured, an LSTM of one step takes twice as long.)
- A table stays int8 in memory too: the rows that are looked up are converted, each with its own scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.products import stored_weights
from edge_sdk.quantize.replace import Replacement, part_of
from edge_sdk.quantize.weights import quantize_weights


def stored_layer(graph: Graph, node: Node) -> Replacement:
    """Return a recurrent layer, a convolution or a table with its weights in int8."""
    return _table(graph, node) if node.op_type == "Gather" else _unpacked(graph, node)


def _unpacked(graph: Graph, node: Node) -> Replacement:
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    nodes: list[Any] = []
    constants: dict[str, npt.NDArray[Any]] = {}
    for name in stored_weights(node):
        weight = graph.constants[name]
        flat = quantize_weights(weight.reshape(-1, weight.shape[-1]) if _is_recurrent(node) else weight, axis=0)
        scales = flat.scales.reshape(*weight.shape[:2], 1) if _is_recurrent(node) else _along(flat.scales, weight.ndim)
        stored, scaled, real, result = (part_of(name, part) for part in ("stored", "scales", "real", "weight"))
        constants |= {stored: flat.stored.reshape(weight.shape), scaled: scales}
        nodes.append(onnx.helper.make_node("Cast", [stored], [real], to=onnx.TensorProto.FLOAT))
        nodes.append(onnx.helper.make_node("Mul", [real, scaled], [result]))
        copy.input[list(copy.input).index(name)] = result
    return Replacement((*nodes, copy), constants)


def _table(graph: Graph, node: Node) -> Replacement:
    from onnx import TensorProto, helper

    table = graph.constants[node.input[0]]
    rows = quantize_weights(table, axis=0)
    stored, scales = (part_of(node.input[0], part) for part in ("stored", "scales"))
    found, scale, real = (part_of(node.name, part) for part in ("found", "scale", "real"))
    nodes = (
        helper.make_node("Gather", [stored, node.input[1]], [found], node.name, axis=0),
        helper.make_node("Gather", [scales, node.input[1]], [scale], f"{node.name}_scale", axis=0),
        helper.make_node("Cast", [found], [real], f"{node.name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [real, scale], list(node.output), f"{node.name}_mul"),
    )
    return Replacement(nodes, {stored: rows.stored, scales: _along(rows.scales, table.ndim)})


def _along(scales: npt.NDArray[np.float32], axes: int) -> npt.NDArray[np.float32]:
    """Return scales of the first axis in a shape that goes with the weights."""
    return scales.reshape(-1, *[1] * (axes - 1))


def _is_recurrent(node: Node) -> bool:
    return node.op_type in {"GRU", "RNN", "LSTM"}
