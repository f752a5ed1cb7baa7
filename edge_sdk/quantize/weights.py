"""The weights of a layer in int8, and its bias.

- Weights are symmetric, -127 to 127, with one scale an output channel.
- A scale is large enough that the bias is an int32 number of its steps.
- The bias takes back what rounding the weights did to the mean of the layer's results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.ranges import HIGHEST

_LEAST_SCALE = 1e-12
_BIAS_LIMIT = float((1 << 31) - (1 << 8))
"""int32, less what rounding may add."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a layer in int8.

    Attributes:
        stored: The weights, in the shape that they had in float.
        scales: Float32, one an output channel, or a single one for a stack of matrices.
        axis: The axis of the output channels.
    """

    stored: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    axis: int

    @property
    def real(self) -> Floats:
        """What the stored weights stand for."""
        return np.asarray(self.stored * _spread(self.scales, self.axis, self.stored.ndim))


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weights in int8 and its bias, as recovered for the int8 inputs that it gets.

    Attributes:
        weights: The weights.
        bias: In float, one an output channel; None where the layer has none.
    """

    weights: Weights
    bias: Floats | None


def quantize_weights(weight: npt.NDArray[Any], axis: int, least: Floats | None = None) -> Weights:
    """Round weights to int8.

    Args:
        weight: Float weights.
        axis: The axis of the output channels.
        least: The least scale of each channel, see `least_scales`.
    """
    stack = weight.ndim > 2 and axis == weight.ndim - 1  # onnxruntime has no per-channel kernel for it
    others = tuple(i for i in range(weight.ndim) if stack or i != axis)
    wanted = np.maximum(np.abs(weight).max(axis=others) / HIGHEST, _LEAST_SCALE)
    scales = np.asarray(wanted if least is None else np.maximum(wanted, least), np.float32)
    steps = np.rint(weight / _spread(scales, axis, weight.ndim))
    return Weights(np.clip(steps, -HIGHEST, HIGHEST).astype(np.int8), scales, axis)


def layer_bias(graph: Graph, node: Node) -> Floats | None:
    """Return the bias of a layer with constant weights, zeros if it has none; None if it cannot be given one."""
    if node.op_type == "MatMul":
        return None
    weight = graph.constants[node.input[1]]
    channels = weight.shape[channel_axis(node, weight)]
    if len(node.input) < 3 or not node.input[2]:
        return np.zeros(channels)
    return bias_by_channel(graph.constants.get(node.input[2]), channels)


def bias_by_channel(bias: npt.NDArray[Any] | None, channels: int) -> Floats | None:
    """Return a constant bias as one value a channel; None if it is computed, or differs within a channel."""
    if bias is None or not (bias.size == 1 or bias.shape[-1] == bias.size == channels):
        return None
    return np.broadcast_to(bias.ravel().astype(np.float64), channels)


def least_scales(bias: Floats, input_scale: float) -> Floats:
    """Return the scales below which a bias would not be an int32 number of steps."""
    return np.abs(bias) / (input_scale * _BIAS_LIMIT)


def weight_shift(node: Node, error: npt.NDArray[Any], mean: npt.NDArray[Any]) -> Floats:
    """Return by how much rounding the weights moves the mean of each output channel.

    Rounding is not zero on average for the few weights of a channel, and inputs after a ReLU are not zero on average
    either; subtracting the shift from the bias is the bias correction of Nagel et al. 2019, "Data-free quantization",
    with the means that were measured.

    Args:
        node: A Conv or Gemm.
        error: Rounded weights less the weights, in the weights' shape.
        mean: The mean of each input channel.
    """
    if node.op_type == "Gemm":
        return np.asarray((error if attributes(node).get("transB", 0) else error.T) @ mean, np.float64)
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(axis=2)
    group = int(attributes(node).get("group", 1))
    inputs = mean.reshape(group, -1).repeat(error.shape[0] // group, axis=0)
    return np.asarray((taps * inputs).sum(axis=1), np.float64)


def channel_axis(node: Node, weight: npt.NDArray[Any]) -> int:
    """Return the axis of the output channels in the weights of a Conv, ConvTranspose, Gemm or MatMul."""
    if node.op_type in {"Conv", "ConvTranspose"}:
        return 0 if node.op_type == "Conv" else 1
    if node.op_type == "Gemm":
        return 0 if attributes(node).get("transB", 0) else 1
    return weight.ndim - 1


def _spread(scales: npt.NDArray[Any], axis: int, axes: int) -> Floats:
    """Return the scales in a shape that goes with the weights."""
    spread = scales.astype(np.float64)
    return spread.reshape([-1 if i == axis else 1 for i in range(axes)]) if scales.ndim else spread
