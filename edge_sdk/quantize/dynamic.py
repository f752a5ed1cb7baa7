"""Layers in int8 whose inputs are measured anew in each inference, so that no ranges need to be calibrated.

- Rows become uint8 by their own least and greatest value (ONNX's DynamicQuantizeLinear), once for all layers that read
  them; weights are int8, symmetric, with one scale an output channel; the sum of the integers goes straight to float
  (onnxruntime's MatMulIntegerToFloat, which it joins with the rounding of the rows where nobody else reads them).
- An LSTM becomes onnxruntime's DynamicQuantizeLSTM, with one scale a gate and unit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.products import Product
from edge_sdk.quantize.replace import CONTRIB, Replacement, part_of
from edge_sdk.quantize.weights import quantize_weights

_LSTM_INPUTS = 8
"""Inputs that the LSTM of ONNX and DynamicQuantizeLSTM have in common: from the sequence to the peepholes."""


def dynamic_product(graph: Graph, node: Node, product: Product) -> Replacement:
    """Return a product with its rows and weights in int8 and its result in float."""
    from onnx import helper

    rows, scale, zero = (part_of(product.rows, part) for part in ("rows", "scale", "zero"))
    weights = quantize_weights(product.weight, axis=1)
    names = [part_of(node.name, part) for part in ("weight", "scales")]
    fused = product.bias if graph.shapes.get(product.bias) == (product.weight.shape[1],) else ""
    result = node.output[0] if fused == product.bias else part_of(node.name, "sum")
    nodes = [
        helper.make_node("DynamicQuantizeLinear", [product.rows], [rows, scale, zero]),
        helper.make_node(
            "MatMulIntegerToFloat",
            [rows, names[0], scale, names[1], zero, "", fused],
            [result],
            node.name,
            domain=CONTRIB,
        ),
    ]
    if fused != product.bias:
        nodes.append(helper.make_node("Add", [result, product.bias], list(node.output), f"{node.name}_bias"))
    return Replacement(tuple(nodes), dict(zip(names, (weights.stored, weights.scales), strict=True)))


def dynamic_lstm(graph: Graph, node: Node) -> Replacement:
    """Return an LSTM with its inputs, states and weights in int8 and its results in float."""
    from onnx import helper

    constants: dict[str, npt.NDArray[np.int8] | npt.NDArray[np.float32]] = {}
    scaled: list[str] = []
    inputs = [*node.input, *[""] * (_LSTM_INPUTS - len(node.input))]
    for place, part in ((1, "input"), (2, "recurrence")):
        stored, scales = _by_gate(graph.constants[node.input[place]])
        inputs[place] = part_of(node.name, part)
        names = [part_of(node.name, f"{part}_{what}") for what in ("scales", "zeros")]
        constants[inputs[place]] = stored
        constants.update(zip(names, (scales, np.zeros(scales.shape, np.int8)), strict=True))
        scaled += names
    facts = {name: value for name, value in attributes(node).items() if name != "layout"}
    lstm = helper.make_node(
        "DynamicQuantizeLSTM", [*inputs, *scaled], list(node.output), node.name, domain=CONTRIB, **facts
    )
    return Replacement((lstm,), constants)


def _by_gate(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return weights [directions, channels, inputs] as int8 [directions, inputs, channels], and their scales."""
    directions, channels, width = weight.shape
    weights = quantize_weights(weight.reshape(-1, width), axis=0)
    return weights.stored.reshape(weight.shape).transpose(0, 2, 1), weights.scales.reshape(directions, channels)
