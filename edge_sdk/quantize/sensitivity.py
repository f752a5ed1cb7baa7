"""Which layers and tensors add the noise: each is rounded alone, and the outputs are compared with those in float."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import Family
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import Advance
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.guard import LayerNoise
from edge_sdk.quantize.ranges import Quant
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tensors import Array, Tensors

_AS_WRITTEN = {"session.disable_quant_qdq": "1"}


def layer_noises(
    graph: Graph,
    samples: Sequence[Tensors],
    open_alone: Callable[[Sequence[str]], Session],
    *,
    layers: Sequence[Node],
    reference: Session,
    advance: Advance = lambda _: None,
) -> tuple[LayerNoise, ...]:
    """Return what each layer adds, in the order of execution.

    Args:
        graph: The cleaned float graph.
        samples: A few inputs of the model.
        open_alone: Opens the model with the given layers in float, all others quantized.
        layers: The layers to rank.
        reference: The float model, opened.
        advance: Called with 1 after each layer.
    """
    total = max(sum(graph.macs(node) for node in graph.nodes), 1)
    expected = [reference.run(sample) for sample in samples]
    found = []
    for node in layers:
        session = open_alone([other.name for other in layers if other is not node])
        noise = relative_error(expected, (session.run(sample) for sample in samples))
        found.append(LayerNoise(node.name, noise, graph.macs(node) / total))
        advance(1)
    return tuple(found)


def tensor_noises(
    graph: Graph, samples: Sequence[Tensors], quants: Mapping[str, Quant], *, reference: Session
) -> dict[str, float]:
    """Return what rounding each tensor adds, with all else in float.

    Args:
        graph: The cleaned float graph.
        samples: A few inputs of the model.
        quants: Scale and zero point by tensor.
        reference: The float model, opened.
    """
    expected = [reference.run(sample) for sample in samples]
    found = {}
    for name, quant in quants.items():
        session = open_session(_rounded_at(graph, name, quant), host_config(_AS_WRITTEN), where="ranking")
        found[name] = relative_error(expected, (session.run(sample) for sample in samples))
    return found


def _rounded_at(graph: Graph, name: str, quant: Quant) -> bytes:
    """Return the float model with a Q/DQ pair behind one tensor."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    stored, result, scale, zero = (f"{name}\0{part}" for part in ("stored", "rounded", "scale", "zero"))
    nodes = list(model.graph.node)
    for node in nodes:
        node.input[:] = [result if each == name else each for each in node.input]
    values: dict[str, Array] = {scale: np.array(quant.scale, np.float32), zero: np.array(quant.zero_point, np.int8)}
    model.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in values.items())
    maker = next((i for i, node in enumerate(nodes) if name in node.output), -1)
    model.graph.node.insert(maker + 1, helper.make_node("QuantizeLinear", [name, scale, zero], [stored]))
    model.graph.node.insert(maker + 2, helper.make_node("DequantizeLinear", [stored, scale, zero], [result]))
    return bytes(model.SerializeToString())


def relative_error(expected: Sequence[Tensors], got: Iterable[Tensors]) -> float:
    """Return the squared error over the power of the expected outputs, the mean over outputs."""
    errors: dict[str, float] = {}
    powers: dict[str, float] = {}
    for ours, theirs in zip(expected, got, strict=True):
        for name, values in ours.items():
            errors[name] = errors.get(name, 0.0) + _power(np.subtract(theirs[name], values, dtype=np.float32))
            powers[name] = powers.get(name, 0.0) + _power(values.astype(np.float32, copy=False))
    return float(np.mean([errors[name] / powers[name] if powers[name] else 0.0 for name in errors]))


def _power(values: npt.NDArray[np.float32]) -> float:
    """Return the sum of squares."""
    return float(np.vdot(values, values))


class PlanNoise:
    """The noise of a choice of layers in float: of each tensor that is rounded, and of each layer's rounded weights."""

    def __init__(
        self, family: Family, graph: Graph, layers: Sequence[LayerNoise], tensors: Mapping[str, float]
    ) -> None:
        self._family, self._graph = family, graph
        self._tensors = tensors
        names = [layer.name for layer in layers]
        self._weights = {
            layer.name: max(layer.noise - self._rounding([other for other in names if other != layer.name]), 0.0)
            for layer in layers
        }

    def of(self, excluded: Collection[str]) -> float:
        """Return the noise that is left with these layers in float."""
        weights = sum(noise for name, noise in self._weights.items() if name not in excluded)
        return weights + self._rounding(excluded)

    def _rounding(self, excluded: Collection[str]) -> float:
        """Return the noise of the tensors that are rounded."""
        if not self._tensors:
            return 0.0
        placed = families.place(self._family, self._graph, sorted(excluded)).tensors
        return sum(self._tensors.get(name, 0.0) for name in placed)
