"""A BatchNormalization that could go into no convolution is a 1x1 convolution of each channel by itself.

Networks that normalise before they convolve (DenseNet, ResNet v2) have one before each layer. A convolution has an
integer kernel with a scale a channel, and its ReLU vanishes into the range of its result.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement


def batch_norm_to_convolution(graph: Graph, node: Node) -> Replacement | None:
    """Return a depthwise convolution for a BatchNormalization of a picture with known sizes."""
    from onnx import helper

    if node.op_type != "BatchNormalization" or len(graph.shapes.get(node.input[0], ())) < 3:
        return None
    if any(name not in graph.constants for name in node.input[1:]) or attributes(node).get("training_mode"):
        return None
    scale, shift = _affine(graph, node)
    window = [1] * (len(graph.shapes[node.input[0]]) - 2)
    weight, bias = f"{node.name}_weight", f"{node.name}_bias"
    convolution = helper.make_node(
        "Conv", [node.input[0], weight, bias], node.output[:1], node.name, group=scale.size, kernel_shape=window
    )
    weights = scale.reshape(-1, 1, *window).astype(np.float32)
    return Replacement((convolution,), {weight: weights, bias: shift.astype(np.float32)})


def _affine(graph: Graph, node: Node) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return by what each channel is multiplied, and what is added to it."""
    gain, beta, mean, variance = (graph.constants[name].astype(np.float64) for name in node.input[1:])
    scale = gain / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
    return scale, beta - mean * scale
