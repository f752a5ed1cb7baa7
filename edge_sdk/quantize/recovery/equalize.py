"""Scales channels against each other, so that one range for all channels of a tensor wastes less of its steps.

Cross-layer equalization (Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction"),
by what calibration sees of the activations, across ReLU, clamps, pooling, residual sums and concatenation:

- A channel that uses a small part of its tensor's range is multiplied up; the weights that make it take the factor,
  those that read it take its inverse. With a scale an output channel this costs the makers nothing, and depthwise
  readers neither. For other readers the factors are moderated (a power between 0 and 1) to what promises least noise.
- A clamp's upper bound stays what it is. So a channel is raised at most to where what was seen of it, and a little
  more, still lies below the bound.
- The float graph computes the same as before, but for values beyond that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import watch
from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.ranges import HIGHEST, LOWEST
from edge_sdk.quantize.recovery.links import Links, is_scalable, link_channels, upper_bound
from edge_sdk.tensors import Array, Tensors

Floats = npt.NDArray[np.float64]
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_FACTOR = 1e4
_HEADROOM = 1.5
"""How far above what was seen a clamped channel must still be represented."""


@dataclass(slots=True)
class Seen:
    """What was seen of the channels of a tensor.

    Attributes:
        typical: The largest magnitude in a sample, summed over samples.
        largest: The largest magnitude of all.
        power: The mean square in a sample, summed over samples.
        samples: How many samples there were.
    """

    typical: Floats
    largest: Floats
    power: Floats
    samples: int = 0

    def add(self, values: Array) -> None:
        """Add the values [1, channels, …] of a sample."""
        others = tuple(axis for axis in range(values.ndim) if axis != 1)
        most = np.maximum(values.max(axis=others), -values.min(axis=others)).astype(np.float64)
        self.typical = self.typical + most
        self.largest = np.maximum(self.largest, most)
        self.power = self.power + np.square(values).mean(axis=others, dtype=np.float64)
        self.samples += 1


def equalize(graph: Graph, quantized: Collection[str], samples: Sequence[Tensors]) -> Graph:
    """Return the graph with channels scaled against each other.

    Args:
        graph: A cleaned graph.
        quantized: Tensors that will be int8.
        samples: Inputs of the model.
    """
    links = link_channels(graph)
    convolutions = [node for node in graph.nodes if is_scalable(graph, node)]
    wanted = {*quantized, *(node.input[0] for node in convolutions)}
    wanted |= {name for name in links.classes if upper_bound(graph, name) is not None}
    seen = {name: Seen(np.zeros(1), np.zeros(1), np.zeros(1)) for name in links.classes if name in wanted}
    watch(graph, list(seen), samples, lambda name, values: seen[name].add(values))
    factors = np.ones(len(links.fixed))
    for tensors in links.components():
        readers = [node for node in convolutions if node.input[0] in tensors]
        raised = _raised(graph, links, [name for name in tensors if name in seen], seen, quantized)
        noises = [_noise(graph, links, raised**power, readers, seen) for power in _POWERS]
        factors *= raised ** _POWERS[int(np.argmin(noises))]
    return _scaled(graph, links, factors, convolutions)


def _raised(
    graph: Graph, links: Links, tensors: Sequence[str], seen: Mapping[str, Seen], quantized: Collection[str]
) -> Floats:
    """Return the factor of each class with which its channels fill the range of their tensors."""
    used, bound = np.zeros(len(links.fixed)), np.full(len(links.fixed), _MOST_FACTOR)
    for name in tensors:
        classes, channels = links.classes[name], seen[name]
        if name in quantized and channels.typical.max() > 0:
            np.maximum.at(used, classes, channels.typical / channels.typical.max())
        most = upper_bound(graph, name)
        if most is not None:
            np.minimum.at(bound, classes, most / np.maximum(channels.largest * _HEADROOM, most / _MOST_FACTOR))
    free = ~links.fixed & (used > 0)
    return np.where(free, np.clip(1.0 / np.where(free, used, 1.0), 1.0, np.maximum(bound, 1.0)), 1.0)


def _noise(graph: Graph, links: Links, factors: Floats, readers: Sequence[Node], seen: Mapping[str, Seen]) -> float:
    """Return the noise that rounding inputs and weights will add to the results of convolutions, in all."""
    total = 0.0
    for node in readers:
        channels, factor = seen[node.input[0]], factors[links.classes[node.input[0]]]
        weights, index = _by_output(graph, node)
        power = channels.power / max(channels.samples, 1)
        step = (factor * channels.typical).max() / max(channels.samples, 1) / (HIGHEST - LOWEST)
        gains = np.square(weights).sum(axis=2)
        inputs = step**2 / 12 * float((gains / np.square(factor)[index]).sum())
        scales = np.abs(weights / factor[index][:, :, np.newaxis]).max(axis=(1, 2)) / HIGHEST
        carried = (np.square(factor) * power)[index].sum(axis=1) * weights.shape[2]
        result = float((gains * power[index]).sum())
        total += (inputs + float((np.square(scales) / 12 * carried).sum())) / max(result, np.finfo(float).tiny)
    return total


def _by_output(graph: Graph, node: Node) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the weights [outputs, inputs of a group, taps], and the channel that each input of an output is."""
    weight = graph.constants[node.input[1]].astype(np.float64)
    outputs, inputs = weight.shape[:2]
    groups = int(attributes(node).get("group", 1))
    index = np.arange(groups * inputs).reshape(groups, inputs).repeat(outputs // groups, axis=0)
    return weight.reshape(outputs, inputs, -1), index


def _scaled(graph: Graph, links: Links, factors: Floats, convolutions: Sequence[Node]) -> Graph:
    import onnx
    from onnx import numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}

    def keep(name: str, values: Floats) -> None:
        stored[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))

    for node in convolutions:
        weights, index = _by_output(graph, node)
        made = factors[links.classes[node.output[0]]]
        taken = factors[links.classes[node.input[0]]][index]
        scaled = weights / taken[:, :, np.newaxis] * made[:, np.newaxis, np.newaxis]
        keep(node.input[1], scaled.reshape(graph.constants[node.input[1]].shape))
        if len(node.input) > 2 and node.input[2]:
            keep(node.input[2], graph.constants[node.input[2]].astype(np.float64) * made)
    return Graph(model)
