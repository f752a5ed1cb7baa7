"""What an integer layer computes, in exact whole numbers: the measure for any machine's kernels.

Products and sums are taken by NumPy in float64, which holds whole numbers up to 2^53 exactly; the largest sum of a
layer (255 * 127 for each product) stays far below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes, is_dequantized
from edge_sdk.quantize.weights import channel_axis

Steps = npt.NDArray[Any]
"""Integers in units of a scale."""
Floats = npt.NDArray[np.float64]
DYNAMIC = "MatMulIntegerToFloat"
"""The product of integers whose result is float at once; onnxruntime's own operator."""


@dataclass(frozen=True, slots=True)
class IntegerLayer:
    """A convolution or matrix product between integers.

    Attributes:
        node: The operator.
        stored: The tensor that holds its input as integers.
        scale: The step of its input.
        zero: The integer that stands for 0 in its input.
        weights: Its weights as integers; their zero is 0.
        weight_scales: The step of the weights, one an output channel or a single one.
    """

    node: Node
    stored: str
    scale: float
    zero: Steps
    weights: Steps
    weight_scales: npt.NDArray[np.float32]

    @property
    def kind(self) -> str:
        """What kernels tell apart: `Conv 1x1`, `Conv 3x3 depthwise`, `MatMul`."""
        if self.node.op_type != "Conv":
            return str(self.node.op_type)
        groups = int(attributes(self.node).get("group", 1))
        grouped = "" if groups == 1 else " depthwise" if groups == self.weights.shape[0] else " grouped"
        return f"Conv {'x'.join(map(str, self.weights.shape[2:]))}{grouped}"


def integer_layers(graph: Graph) -> tuple[IntegerLayer, ...]:
    """Return the layers of a quantized graph whose inputs and constant weights are integers."""
    layers = [_layer(graph, node) for node in graph.nodes if node.op_type in {"Conv", "Gemm", "MatMul"}]
    layers += [_dynamic_layer(graph, node) for node in graph.nodes if node.op_type == DYNAMIC]
    return tuple(layer for layer in layers if layer is not None)


def _layer(graph: Graph, node: Node) -> IntegerLayer | None:
    if not (is_dequantized(graph, node.input[0]) and is_dequantized(graph, node.input[1])):
        return None
    data, weight = (graph.producer[name] for name in node.input[:2])
    if weight.input[0] not in graph.constants or graph.constants[weight.input[0]].dtype != np.int8:
        return None
    options = attributes(node)
    if options.get("transA") or options.get("alpha", 1.0) != 1.0 or options.get("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    stored = graph.constants[weight.input[0]]
    if node.op_type == "MatMul" and stored.ndim != 2:
        return None
    return IntegerLayer(
        node=node,
        stored=data.input[0],
        scale=float(graph.constants[data.input[1]]),
        zero=graph.constants[data.input[2]],
        weights=stored,
        weight_scales=graph.constants[weight.input[1]],
    )


def _dynamic_layer(graph: Graph, node: Node) -> IntegerLayer | None:
    """Return a product whose rows get a step of their own in each inference; any step shows what its sums are."""
    weights = graph.constants.get(node.input[1])
    if weights is None or weights.dtype != np.int8:
        return None
    return IntegerLayer(
        node=node,
        stored=node.input[0],
        scale=1.0,
        zero=np.array(0, np.uint8),
        weights=weights,
        weight_scales=graph.constants[node.input[3]],
    )


def exact_results(layer: IntegerLayer, stored: Steps) -> Floats:
    """Return what a layer computes without its bias, in real numbers.

    Args:
        layer: The layer.
        stored: Its input as integers: [N, channels, *sizes] for a convolution, which gets no padding; else [rows, K].
    """
    values = stored.astype(np.float64) - float(layer.zero)
    weights = layer.weights.astype(np.float64)
    axis = channel_axis(layer.node, layer.weights)
    if layer.node.op_type == "Conv":
        sums = _convolve(values, weights, layer.node)
        scales = layer.weight_scales.reshape(-1, *[1] * (weights.ndim - 2))
    else:
        sums, scales = values @ (weights.T if axis == 0 else weights), layer.weight_scales
    return np.asarray(sums * (scales.astype(np.float64) * layer.scale))


def _convolve(values: Floats, weights: Floats, node: Node) -> Floats:
    """Return a convolution without padding, [N, channels, *sizes]."""
    options, rank = attributes(node), weights.ndim - 2
    strides, dilations = (list(options.get(name, [1] * rank)) for name in ("strides", "dilations"))
    groups = int(options.get("group", 1))
    reach = window_sizes(node, weights.shape[2:])
    windows = np.lib.stride_tricks.sliding_window_view(values, reach, axis=tuple(range(2, 2 + rank)))
    steps = [slice(None, None, stride) for stride in strides] + [slice(None, None, dilation) for dilation in dilations]
    windows = windows[(slice(None), slice(None), *steps)]
    summed = (1, *range(2 + rank, 2 + 2 * rank))
    parts = [
        np.tensordot(inputs, kernel, axes=(summed, tuple(range(1, 2 + rank))))
        for inputs, kernel in zip(np.split(windows, groups, axis=1), np.split(weights, groups), strict=True)
    ]
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def window_sizes(node: Node, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far the window of a convolution reaches along each axis."""
    dilations = attributes(node).get("dilations", [1] * len(kernel))
    return tuple((size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True))
