"""Channels that carry nothing carry a second copy of others, half a step apart: a bit more, at no cost.

Trained networks have channels that are zero on every picture, small ones most of all. A chain of operators that keep
channels apart (clamps, pooling, depthwise convolutions), from the convolution that makes its channels to those that mix
them again, computes such a channel in vain. It can compute another one there once more:

- k copies are moved against each other by a k-th of a step before they are rounded, and each counts a k-th of what the
  one did. Their mean is what k times as many steps would give: a k-th of the noise, or 6 dB less for two.
- The channels whose rounding adds most noise to the results that mix them get the copies.
- In float the graph computes the same, but within a quarter of a step of a clamp; and but for what revives a channel
  that calibration never saw alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.ranges import HIGHEST, LOWEST
from edge_sdk.quantize.recovery.links import is_scalable

Floats = npt.NDArray[np.float64]
Sources = npt.NDArray[np.int64]
"""For each channel, the one that is computed in its place."""
_APART = frozenset({"Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool"})
_CLAMPS = frozenset({"Relu", "Clip"})
_LEAST_PLACES = 1 << 16
"""At how many places a channel must have been zero before it is taken for one that carries nothing."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators that keep channels apart.

    Attributes:
        maker: The convolution that makes the channels.
        inner: What keeps them apart, in the order of execution.
        readers: The convolutions that mix them.
    """

    maker: Node
    inner: tuple[Node, ...]
    readers: tuple[Node, ...]


def copy_channels(graph: Graph, seen: Mapping[str, Statistics]) -> tuple[Graph, dict[str, Statistics]]:
    """Return the graph with copies of channels in the place of those that carry nothing, and what is seen of it.

    Args:
        graph: A cleaned graph.
        seen: What calibration saw of the tensors that will be int8.
    """
    copier, found = _Copier(graph, seen), dict(seen)
    for chain in filter(None, (_chain_from(graph, node) for node in graph.nodes)):
        source = copier.sources(chain)
        if (source != np.arange(len(source))).any():
            copier.copy(chain, source)
            for name in seen.keys() & set(_tensors(chain)):
                found[name] = replace(seen[name], channels=seen[name].channels.taken(source))
    return copier.graph_with_copies(), found


def _chain_from(graph: Graph, maker: Node) -> Chain | None:
    """Return the chain of a convolution; None if it makes none, or something else reads its channels."""
    if not _has_bias(graph, maker) or _groups(maker) != 1:
        return None
    tensors: set[str] = {maker.output[0]}
    inner: list[Node] = []
    readers: list[Node] = []
    for node in graph.nodes:
        if tensors.isdisjoint(node.input):
            continue
        if is_scalable(graph, node) and _groups(node) == 1:
            readers.append(node)
        elif node.op_type in _APART or _is_depthwise(graph, node):
            inner.append(node)
            tensors.add(node.output[0])
        else:
            return None
    known = {node.name for node in (*inner, *readers)}
    inside = all(reader.name in known for name in tensors for reader in graph.consumers[name])
    return Chain(maker, tuple(inner), tuple(readers)) if inside and tensors.isdisjoint(graph.outputs) else None


def _has_bias(graph: Graph, node: Node) -> bool:
    return is_scalable(graph, node) and len(node.input) > 2 and bool(node.input[2])


def _is_depthwise(graph: Graph, node: Node) -> bool:
    if not _has_bias(graph, node):
        return False
    outputs, inputs = graph.constants[node.input[1]].shape[:2]
    return bool(inputs == 1 and outputs == _groups(node))


def _groups(node: Node) -> int:
    return int(attributes(node).get("group", 1))


def _tensors(chain: Chain) -> Iterator[str]:
    return (node.output[0] for node in (chain.maker, *chain.inner))


class _Copier:
    """The constants of a graph, as copies change them."""

    def __init__(self, graph: Graph, seen: Mapping[str, Statistics]) -> None:
        self.graph = graph
        self.seen = seen
        self.changed: dict[str, Floats] = {}

    def sources(self, chain: Chain) -> Sources:
        """Return for each channel the one that is to be computed in its place: itself, but where it carries nothing."""
        noise = self._noises(chain)
        idle = np.logical_and.reduce([self._idle(node.input[0], len(noise)) for node in chain.readers])
        noise[idle] = 0.0
        source = np.arange(len(noise))
        for slot in np.flatnonzero(idle):
            copies = np.bincount(source, minlength=len(noise))
            saved = noise * (1.0 / np.square(np.maximum(copies, 1)) - 1.0 / np.square(copies + 1))
            if saved.max() > 0:
                source[slot] = int(np.argmax(saved))
        return source

    def copy(self, chain: Chain, source: Sources) -> None:
        """Let channels be computed in the place of others."""
        shares, copies = _shares(source)
        moved = {chain.maker.input[0]: 0.0}
        for node in (chain.maker, *chain.inner):
            came = moved[node.output[0]] = moved[node.input[0]]
            if node.op_type != "Conv":
                continue
            step = self._step(self._rounded(node.output[0]))
            weight, bias = self._value(node.input[1])[source], self._value(node.input[2]).ravel()
            carried = came * weight.reshape(len(source), -1).sum(axis=1)
            self.changed[node.input[1]] = weight
            self.changed[node.input[2]] = np.broadcast_to(bias, len(source))[source] + shares * (step - carried)
            moved[node.output[0]] = step
        for node in chain.readers:
            weight = self._value(node.input[1])[:, source]
            self.changed[node.input[1]] = weight / copies.reshape(1, -1, *[1] * (weight.ndim - 2))

    def graph_with_copies(self) -> Graph:
        """Return the graph with the changed constants."""
        import onnx
        from onnx import numpy_helper

        if not self.changed:
            return self.graph
        model = onnx.ModelProto()
        model.CopyFrom(self.graph.model)
        for tensor in model.graph.initializer:
            if tensor.name in self.changed:
                tensor.CopyFrom(numpy_helper.from_array(self.changed[tensor.name].astype(np.float32), tensor.name))
        return Graph(model)

    def _noises(self, chain: Chain) -> Floats:
        """Return the noise that rounding a channel, wherever it is rounded, adds to the results that mix it."""
        channels = len(self._value(chain.maker.input[1]))
        gains = {name: np.zeros(channels) for name in _tensors(chain)}
        for node in chain.readers:
            squares = np.square(self._value(node.input[1]))
            gains[node.input[0]] += squares.reshape(*squares.shape[:2], -1).sum(axis=(0, 2))
        for node in reversed(chain.inner):
            taps = (
                np.square(self._value(node.input[1])).reshape(channels, -1).sum(axis=1) if node.op_type == "Conv" else 1
            )
            gains[node.input[0]] += taps * gains[node.output[0]]
        return np.asarray(
            np.sum([self._step(name) ** 2 / 12 * gain for name, gain in gains.items()], axis=0), np.float64
        )

    def _idle(self, name: str, channels: int) -> npt.NDArray[np.bool_]:
        """Tell which channels were zero wherever they were seen, if that was at enough places."""
        seen = self.seen.get(name)
        if seen is None or seen.histogram.low < 0 or seen.channels.count < _LEAST_PLACES:
            return np.zeros(channels, np.bool_)
        return np.asarray(seen.channels.mean == 0)

    def _rounded(self, name: str) -> str:
        """Return the tensor that is rounded for a result: a clamp's, where that is all that reads it."""
        readers = self.graph.consumers[name]
        return readers[0].output[0] if len(readers) == 1 and readers[0].op_type in _CLAMPS else name

    def _step(self, name: str) -> float:
        seen = self.seen.get(name)
        return 0.0 if seen is None else (seen.histogram.high - seen.histogram.low) / (HIGHEST - LOWEST)

    def _value(self, name: str) -> Floats:
        return self.changed.get(name, self.graph.constants[name].astype(np.float64))


def _shares(source: Sources) -> tuple[Floats, Floats]:
    """Return by which share of a step each channel is moved, and how many copies there are of it, itself among them."""
    copies = np.bincount(source, minlength=len(source))[source]
    which = np.zeros(len(source))
    for channel in np.unique(source):
        alike = source == channel
        which[alike] = np.arange(alike.sum())
    return (2 * which - copies + 1) / (2 * copies), copies.astype(np.float64)
