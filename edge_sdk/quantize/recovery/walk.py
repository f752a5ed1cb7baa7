"""Takes samples through a graph as it computes in integers, one operator after another.

Between operators a tensor that carries a Q/DQ pair is kept as int8. Each operator is computed in float on what the
integers stand for, and its result is rounded: what integer kernels give but for the rounding of their own sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.channels import ChannelMeans
from edge_sdk.quantize.emit import Calibration, Form, layer_weights, shifted_bias
from edge_sdk.quantize.graph import Graph, Model, Node
from edge_sdk.quantize.placement import Placement
from edge_sdk.quantize.ranges import HIGHEST, LOWEST, Quant
from edge_sdk.quantize.recovery.part import STORED, Part, give_stored, part_of, read_stored
from edge_sdk.quantize.weights import Floats, Layer, Weights, layer_bias
from edge_sdk.tensors import Array, Tensors


@dataclass(frozen=True, slots=True)
class Integers:
    """How a graph is to be written in integers.

    Attributes:
        graph: A cleaned graph.
        placement: Where the integers are.
        calibration: Scale and zero point of the tensors that carry a Q/DQ pair, and what calibration saw of the inputs
            of layers.
        form: How the family stores its integers.
    """

    graph: Graph
    placement: Placement
    calibration: Calibration
    form: Form

    def nearest(self, node: Node) -> Weights:
        """Return the weights of a layer, each rounded to the nearest step."""
        return layer_weights(self.graph, node, self.calibration.quants[node.input[0]].scale, self.form)

    def shifted_bias(self, node: Node, weights: Weights) -> Floats | None:
        """Return the bias that takes back what rounding the weights moves; None where a layer can have none."""
        return shifted_bias(self.graph, node, weights, self.calibration.means)


class Walk:
    """The samples, as they have come through the operators so far."""

    def __init__(self, integers: Integers, samples: Sequence[Tensors]) -> None:
        self.integers = integers
        self.graph, self.placement = integers.graph, integers.placement
        self.quants = integers.calibration.quants
        self.samples = len(samples)
        self.clamped = {raw: result for result, raw in self.placement.absorbed.items()}
        self.last = {name: node.name for node in self.graph.nodes for name in node.input}
        self.values: dict[str, list[Array]] = {name: [one[name] for one in samples] for name in self.graph.inputs}
        self.stored: dict[str, list[Array]] = {}
        for name in self.graph.inputs:
            self._store_input(name)

    def layer(self, node: Node, weights: Weights, wanted: Floats | None) -> Layer:
        """Take the samples through a layer.

        Args:
            node: The layer.
            weights: Its weights, rounded.
            wanted: The mean that each channel of its results is to have; None takes back what rounding has moved.
        """
        bias = layer_bias(self.graph, node)
        if bias is not None and wanted is not None and wanted.size:
            got = ChannelMeans()
            for results in self._run(self._part(node, weights, bias), node, {}):
                got.add(results[node.output[0]])
            bias = bias + (wanted - got.mean)
        else:
            bias = self.integers.shifted_bias(node, weights)
        self.advance(self._part(node, weights, bias), node)
        return Layer(weights, bias)

    def _part(self, node: Node, weights: Weights, bias: Floats | None) -> Model:
        """Return a layer with other weights and another bias as a part of its own."""
        from onnx import numpy_helper

        model = part_of(self.graph, [node], node.output)
        stored = {tensor.name: tensor for tensor in model.graph.initializer}
        stored[node.input[1]].CopyFrom(numpy_helper.from_array(weights.real.astype(np.float32), node.input[1]))
        if bias is not None:
            name = f"{node.name}\0bias"
            model.graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), name))
            model.graph.node[-1].input[2:] = [name]
        return model

    def advance(self, model: Model, node: Node) -> None:
        """Take the samples through an operator, given as a part of its own."""
        give: dict[str, Quant] = {}
        for name in filter(None, node.output):
            result = self.clamped.get(name, name)
            if result in self.quants:
                give[result] = self.quants[result]
                give_stored(model, name, result, give[result])
        floats = [name for name in node.output if name and self._is_read_in_float(name)]
        if not floats and not give:  # an output of the model
            return
        for results in self._run(model, node, give, floats):
            for name in floats:
                self.values.setdefault(name, []).append(results[name])
            for name in give:
                self.stored.setdefault(name, []).append(results[name + STORED])

    def forget(self, node: Node) -> None:
        """Drop what no later operator reads."""
        for name in node.input:
            if self.last.get(name) == node.name:
                self.values.pop(name, None)
                self.stored.pop(name, None)

    def _run(
        self, model: Model, node: Node, give: Mapping[str, Quant], floats: Sequence[str] | None = None
    ) -> Iterator[Tensors]:
        """Yield what a part gives for each sample."""
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        pairs = {n: q for n, q in self.quants.items() if n in self.stored and self.placement.reads_pair(n, node)}
        read_stored(copy, pairs)
        kept = [*(node.output if floats is None else floats), *(name + STORED for name in give)]
        outputs = [value for value in copy.graph.output if value.name in kept]
        del copy.graph.output[:]
        copy.graph.output.extend(outputs)
        part = Part(copy)
        given = {n: self.stored[n.removesuffix(STORED)] if n.endswith(STORED) else self.values[n] for n in part.inputs}
        return (part.run({name: values[i] for name, values in given.items()}) for i in range(self.samples))

    def _is_read_in_float(self, name: str) -> bool:
        readers = self.graph.consumers[name]
        return any(name not in self.quants or not self.placement.reads_pair(name, reader) for reader in readers)

    def _store_input(self, name: str) -> None:
        for result in (name, *(r for r, raw in self.placement.absorbed.items() if raw == name)):
            if result in self.quants:
                self.stored[result] = [_to_steps(values, self.quants[result]) for values in self.values[name]]


def _to_steps(values: Array, quant: Quant) -> Array:
    steps = np.rint(values / np.float32(quant.scale)) + quant.zero_point
    return np.asarray(np.clip(steps, LOWEST, HIGHEST), np.int8)
