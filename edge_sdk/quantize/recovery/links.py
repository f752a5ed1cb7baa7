"""Which channels of a graph can be scaled, and which only together.

A channel of a convolution's results can be multiplied by a factor if all that read it divide by the factor:
convolutions can, by their weights. What stands between and keeps proportions (ReLU, pooling, sums, concatenation) hands
the factor on; all else fixes its channels at 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.weights import bias_by_channel

Classes = npt.NDArray[np.int64]
_PROPORTIONAL = frozenset({"Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Resize"})


@dataclass(frozen=True, slots=True)
class Links:
    """Channels that share a factor share a class.

    Attributes:
        classes: The class of each channel, by tensor; only of tensors that have channels and a place.
        fixed: Whether the factor of a class must be 1.
    """

    classes: Mapping[str, Classes]
    fixed: npt.NDArray[np.bool_]

    def components(self) -> list[tuple[str, ...]]:
        """Return the sets of tensors whose factors depend on each other."""
        together: dict[int, list[str]] = {}
        joined = _Union(len(self.fixed))
        for classes in self.classes.values():
            joined.join(classes[:-1], classes[1:])
        for name, classes in self.classes.items():
            together.setdefault(joined.find(int(classes[0])), []).append(name)
        return [tuple(names) for names in together.values()]


def link_channels(graph: Graph) -> Links:
    """Return the links of a cleaned graph."""
    return _Linker(graph).links()


def is_scalable(graph: Graph, node: Node) -> bool:
    """Tell whether a convolution's weights and bias are its own constants, so that it can take factors in."""
    if node.op_type != "Conv" or node.input[1] not in graph.constants:
        return False
    own = [name for name in node.input[1:] if name]
    alone = all(len(graph.consumers[name]) == 1 and name not in graph.outputs for name in own)
    bias = graph.constants.get(own[1]) if len(own) > 1 else None
    return alone and (len(own) < 2 or bias_by_channel(bias, graph.constants[node.input[1]].shape[0]) is not None)


def upper_bound(graph: Graph, tensor: str) -> float | None:
    """Return the upper bound of a Clip from 0 whose result this is; None if it is no such result."""
    node = graph.producer.get(tensor)
    if node is None or node.op_type != "Clip" or any(name not in graph.constants for name in node.input[1:] if name):
        return None
    bounds = [graph.constants[name] if name else None for name in node.input[1:]]
    if len(bounds) < 2 or bounds[0] is None or bounds[1] is None or bounds[0].any():
        return None
    return float(bounds[1].ravel()[0])


class _Union:
    """Classes that are made one (union and find)."""

    def __init__(self, count: int = 0) -> None:
        self.parents = list(range(count))

    def new(self, count: int) -> Classes:
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def find(self, index: int) -> int:
        while self.parents[index] != index:
            self.parents[index] = self.parents[self.parents[index]]
            index = self.parents[index]
        return index

    def join(self, ours: Iterable[int], theirs: Iterable[int]) -> None:
        for one, other in zip(ours, theirs, strict=True):
            self.parents[self.find(int(other))] = self.find(int(one))


class _Linker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.union = _Union()
        self.found: dict[str, Classes] = {}
        self.pinned: set[int] = set()

    def links(self) -> Links:
        for name in (*self.graph.inputs, *self.graph.outputs):
            self._pin(name)
        for node in self.graph.nodes:
            if is_scalable(self.graph, node):
                self._of(node.input[0])
                self._of(node.output[0])
            elif not self._handed_on(node):
                for name in (*node.input, *node.output):
                    self._pin(name)
        self._pin_inner_readings()
        roots = {self.union.find(index) for index in self.pinned}
        kept = {name: self._roots(classes) for name, classes in self.found.items() if len(classes)}
        fixed = np.zeros(len(self.union.parents), bool)
        fixed[list(roots)] = True
        return Links(kept, fixed)

    def _of(self, tensor: str) -> Classes:
        if tensor not in self.found:
            shape = self.graph.shapes.get(tensor, ())
            channels = shape[1] if len(shape) > 2 and tensor not in self.graph.constants else 0
            self.found[tensor] = self.union.new(channels)
        return self.found[tensor]

    def _pin(self, tensor: str) -> None:
        self.pinned.update(int(index) for index in self._of(tensor))

    def _roots(self, classes: Classes) -> Classes:
        return np.array([self.union.find(int(index)) for index in classes], np.int64)

    def _handed_on(self, node: Node) -> bool:
        """Join what an operator hands on, and tell whether it does."""
        result = node.output[0]
        taken = self.graph.activations(node)
        if not taken or len([name for name in node.output if name]) != 1:
            return False
        kind = node.op_type
        if kind in _PROPORTIONAL or (kind == "Clip" and upper_bound(self.graph, result) is not None):
            return len(taken) == 1 and self._join(self._of(taken[0]), self._of(result))
        shapes = {self.graph.shapes.get(name) for name in node.input}
        if kind == "Add" and len(taken) == len(node.input) == 2 and len(shapes) == 1:
            return self._join(self._of(taken[0]), self._of(taken[1])) and self._join(
                self._of(taken[0]), self._of(result)
            )
        if kind == "Concat" and len(taken) == len(node.input) and attributes(node)["axis"] == 1:
            return self._join(np.concatenate([self._of(name) for name in node.input]), self._of(result))
        return False

    def _join(self, ours: Classes, theirs: Classes) -> bool:
        if len(ours) != len(theirs):
            return False
        self.union.join(ours, theirs)
        return True

    def _pin_inner_readings(self) -> None:
        """Fix what a branch or a loop reads by name: it is no input of its operator."""
        for name, readers in self.graph.consumers.items():
            if any(name not in reader.input for reader in readers):
                self._pin(name)
