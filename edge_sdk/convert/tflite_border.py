"""The border of a model in integers: floats outside, its own integers inside.

`x / scale + zero_point`, rounded to even, is the integer, as ONNX's QuantizeLinear says it; both sides do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from edge_sdk.tensors import Array

_INWARD = frozenset({"Cast", "Sub", "Mul", "DequantizeLinear"})
"""What tf2onnx puts behind an input in integers to make floats of it."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """A tensor of a TFLite file.

    Attributes:
        name: Its name.
        dtype: NumPy's name of its element type.
        scale: What one step is worth; 0 for a tensor that is not quantized.
        zero_point: The integer that means 0.
    """

    name: str
    dtype: str
    scale: float
    zero_point: int


def as_integers(tensor: Quantized, values: Array) -> Array:
    """Return floats as the tensor holds them."""
    if not tensor.scale:
        return values.astype(tensor.dtype)
    info = np.iinfo(tensor.dtype)
    steps = np.rint(values.astype(np.float32) / np.float32(tensor.scale)) + tensor.zero_point
    integers: Array = np.clip(steps, info.min, info.max).astype(tensor.dtype)
    return integers


def as_float(tensor: Quantized, values: Array) -> Array:
    """Return what the tensor holds as float32; other types as they are, where they are not quantized."""
    if not tensor.scale:
        return values
    return (values.astype(np.int32) - tensor.zero_point).astype(np.float32) * np.float32(tensor.scale)


def range_of(tensor: Quantized) -> tuple[float, float]:
    """Return the lowest and highest number that the integers of a quantized tensor mean."""
    info = np.iinfo(tensor.dtype)
    low, high = ((limit - tensor.zero_point) * tensor.scale for limit in (info.min, info.max))
    return low, high


def float_border(model: Any, inputs: Sequence[Quantized], outputs: Sequence[Quantized], *, dequantize: bool) -> None:
    """Make the quantized inputs and outputs of an ONNX model float32.

    Args:
        model: The ONNX model that tf2onnx made, whose inputs and outputs stand in the file's order.
        inputs: The inputs of the file.
        outputs: Its outputs.
        dequantize: Whether the model computes in float, and has no rounding left at its border either.
    """
    for entry, tensor in zip(model.graph.input, inputs, strict=True):
        if tensor.scale:
            _float_input(model.graph, entry, tensor, dequantize=dequantize)
        else:
            _replace(model.graph, entry.name, tensor.name)
        entry.name = tensor.name
    for entry, tensor in zip(model.graph.output, outputs, strict=True):
        if tensor.scale:
            _float_output(model.graph, entry, tensor, dequantize=dequantize)
        else:
            _replace(model.graph, entry.name, tensor.name)
        entry.name = tensor.name


def _float_input(graph: Any, entry: Any, tensor: Quantized, *, dequantize: bool) -> None:
    import onnx

    entry.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    if not dequantize:
        inner = f"{tensor.name}/integers"
        _replace(graph, entry.name, inner)
        graph.node.insert(0, _border_node(graph, "QuantizeLinear", tensor, (tensor.name, inner)))
        return
    floats = entry.name
    for node in _chain(graph, floats):
        floats = node.output[0]
        graph.node.remove(node)
    _replace(graph, floats, tensor.name)


def _float_output(graph: Any, entry: Any, tensor: Quantized, *, dequantize: bool) -> None:
    import onnx

    entry.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    maker = next(node for node in graph.node if entry.name in node.output)
    if dequantize and maker.op_type == "QuantizeLinear":
        graph.node.remove(maker)
        _replace(graph, maker.input[0], tensor.name)
        return
    inner = f"{tensor.name}/integers"
    _replace(graph, entry.name, inner)
    graph.node.append(_border_node(graph, "DequantizeLinear", tensor, (inner, tensor.name)))


def _chain(graph: Any, name: str) -> list[Any]:
    """Return the operators behind an input that only make floats of its integers, in order."""
    found: list[Any] = []
    while True:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1 or users[0].op_type not in _INWARD or "Mul" in {node.op_type for node in found}:
            return found
        found.append(users[0])
        name = users[0].output[0]


def _border_node(graph: Any, kind: str, tensor: Quantized, ends: tuple[str, str]) -> Any:
    """Return an operator of the border, with the very scale and zero point that the graph uses for its integers."""
    import onnx

    inner = ends[1] if kind == "QuantizeLinear" else ends[0]
    of_input = (node.input[1:3] for node in graph.node if node.op_type == "DequantizeLinear" and inner == node.input[0])
    of_output = (node.input[1:3] for node in graph.node if node.op_type == "QuantizeLinear" and inner in node.output)
    step = next(chain(of_input, of_output), None)
    if step is None:
        step = (f"{tensor.name}/scale", f"{tensor.name}/zero_point")
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(tensor.scale, np.float32), step[0]))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(tensor.zero_point, tensor.dtype), step[1]))
    return onnx.helper.make_node(kind, [ends[0], *step], [ends[1]], name=f"{tensor.name}/border")


def _replace(graph: Any, old: str, new: str) -> None:
    """Call a tensor of the graph otherwise."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
