"""What a model does to its picture before the first convolution, in numbers: a gain and a shift a channel.

Exports bring along what their framework does there: a Cast, a Transpose, sums and products with constants, a BatchNorm.
All of it is `gain * pixel + shift` by channel, and goes together with the normalization that is declared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.preprocess import ImageSteps
from edge_sdk.quantize.graph import Graph, Node, attributes

Floats = npt.NDArray[np.float64]
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})


@dataclass(frozen=True, slots=True)
class Stem:
    """The first convolution and what leads to it.

    Attributes:
        layer: The convolution.
        before: Names of the operators between the input and it.
        gain: What a pixel is multiplied by on its way there, for each channel of the model.
        shift: What is added then.
    """

    layer: Node
    before: frozenset[str]
    gain: Floats
    shift: Floats


def find_stem(graph: Graph, steps: ImageSteps) -> Stem | str:
    """Return the stem of a model, or why it has none that pixels could be fed to.

    Args:
        graph: A cleaned graph.
        steps: What is declared to happen before the model.
    """
    if len(graph.inputs) != 1:
        return f"the model has {len(graph.inputs)} inputs"
    tensor, axes = graph.inputs[0], str(steps.layout)
    if graph.shapes.get(tensor) != steps.shape:
        return f"the input is not one picture {list(steps.shape)}"
    gain, shift = _declared(steps)
    before: list[str] = []
    while True:
        reader = _only_reader(graph, tensor)
        if isinstance(reader, str):
            return reader
        moved, factors = _moved_axes(graph, reader, axes), _factors(graph, reader, tensor, axes)
        if moved:
            axes = moved
        elif factors is not None:
            gain, shift = gain * factors[0], shift * factors[0] + factors[1]
        elif reader.op_type == "Conv":
            return _why_no_stem(graph, reader, axes) or Stem(reader, frozenset(before), gain, shift)
        else:
            return f"{reader.op_type} {reader.name} stands before the first convolution"
        before.append(reader.name)
        tensor = reader.output[0]


def _declared(steps: ImageSteps) -> tuple[Floats, Floats]:
    """Return the gain and shift of the declared normalization, one a channel."""
    mean, std = (np.broadcast_to(np.array(values, np.float64), steps.channels) for values in (steps.mean, steps.std))
    return 1.0 / (steps.divisor * std), -mean / std


def _only_reader(graph: Graph, tensor: str) -> Node | str:
    readers = graph.consumers[tensor]
    if tensor in graph.outputs:
        return f"{tensor} is a result of the model too"
    if len(readers) != 1:
        return f"{len(readers)} operators read {tensor}"
    return readers[0] if tensor in readers[0].input else f"a branch of {readers[0].name} reads {tensor}"


def _why_no_stem(graph: Graph, layer: Node, axes: str) -> str:
    weight = graph.constants.get(layer.input[1])
    if weight is None:
        return f"the weights of {layer.name} are computed at run time"
    if axes != "nchw" or weight.ndim != 4 or int(attributes(layer).get("group", 1)) != 1:
        return f"{layer.name} is no plain convolution of a picture"
    return ""


def _moved_axes(graph: Graph, node: Node, axes: str) -> str:
    """Return the order of the axes behind a Transpose, or a Reshape that is one; empty if it is neither."""
    if node.op_type == "Transpose":
        order = attributes(node).get("perm") or reversed(range(len(axes)))
        return "".join(axes[axis] for axis in order)
    if node.op_type == "Reshape":  # how a Transpose of a single channel is written
        sizes = dict(zip(axes, graph.shapes.get(node.input[0], ()), strict=False))
        shape = graph.shapes.get(node.output[0])
        return next((a for a in ("nchw", "nhwc") if sizes.get("c") == 1 and shape == tuple(sizes[x] for x in a)), "")
    return ""


def _factors(graph: Graph, node: Node, tensor: str, axes: str) -> tuple[Floats, Floats] | None:
    """Return the gain and shift of an operator, one a channel; None if it does something else."""
    if node.op_type == "Conv":
        return _of_scaling(graph, node) if axes == "nchw" else None
    if node.op_type == "Cast" and graph.is_float(node.output[0]):
        return np.ones(1), np.zeros(1)
    if node.op_type not in _ARITHMETIC:
        return None
    first, second = node.input
    values = _by_channel(graph.constants.get(second if first == tensor else first), axes)
    return None if values is None else _of_arithmetic(node.op_type, values, pixel_first=first == tensor)


def _of_scaling(graph: Graph, node: Node) -> tuple[Floats, Floats] | None:
    """Return the factors of a 1x1 convolution of each channel by itself, which a BatchNorm is after cleaning."""
    weight = graph.constants.get(node.input[1])
    bias = graph.constants.get(node.input[2]) if len(node.input) > 2 else np.zeros(1)
    facts = attributes(node)
    moves = any(facts.get("pads", ())) or {*facts.get("strides", (1,))} != {1}
    if weight is None or bias is None or weight.shape != (facts.get("group", 1), 1, 1, 1) or moves:
        return None
    return weight.reshape(-1).astype(np.float64), bias.astype(np.float64)


def _by_channel(values: npt.NDArray[Any] | None, axes: str) -> Floats | None:
    """Return a constant operand as one value, or one a channel; None if it differs within a channel."""
    if values is None or values.ndim > len(axes):
        return None
    sizes = dict(zip(reversed(axes), reversed(values.shape), strict=False))
    return values.reshape(-1).astype(np.float64) if all(sizes.get(a, 1) == 1 for a in axes if a != "c") else None


def _of_arithmetic(op: str, values: Floats, *, pixel_first: bool) -> tuple[Floats, Floats] | None:
    one, zero = np.ones_like(values), np.zeros_like(values)
    if op == "Add":
        return one, values
    if op == "Mul":
        return values, zero
    if op == "Sub":
        return (one, -values) if pixel_first else (-one, values)
    return (1.0 / values, zero) if pixel_first and values.all() else None
