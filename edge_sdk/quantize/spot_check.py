"""Whether this machine's integer kernels are exact, tried on the layers of the model that is being measured.

- Of each kind of layer one is taken, the one with the largest weights, and run alone by onnxruntime as the whole model
  is: on values that a sample gives it, and on the values that make its largest sum.
- What it gives must be the number nearest to the exact result. Kernels that sum pairs of products in 16 bits and
  saturate (x86 with neither VNNI nor onnxruntime's detour) miss it by up to half of the range.
- It takes tens of milliseconds: of pictures a corner is enough, all channels of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edge_sdk.errors import GateError
from edge_sdk.quantize.exact import DYNAMIC, Floats, IntegerLayer, Steps, exact_results, integer_layers, window_sizes
from edge_sdk.quantize.graph import Graph, Model, Node
from edge_sdk.session import SessionConfig, open_session
from edge_sdk.tensors import Tensors

_MOST_KINDS = 8
_MOST_ROWS = 16
_BEYOND_KERNEL = 12
_STEPS = 255
_NEAREST = 0.51
"""The nearest step is half a step away at most; the rest is what float32 loses in scaling."""


@dataclass(frozen=True, slots=True)
class LayerCheck:
    """A layer that was checked.

    Attributes:
        layer: The name of its operator.
        kind: What kernels tell apart, such as `Conv 3x3`.
        results: How many results were compared.
        worst_steps: The largest distance to the exact results, in steps of an int8 range; 0.5 is the nearest step.
    """

    layer: str
    kind: str
    results: int
    worst_steps: float


@dataclass(frozen=True, slots=True)
class Probe:
    """A layer alone, with an input and what comes out exactly.

    Attributes:
        layer: The layer.
        model: The serialized model; its input is `x`, its output `y`.
        stored: Its input, as integers.
        exact: What comes out, in real numbers.
        step: The step of the results.
    """

    layer: IntegerLayer
    model: bytes
    stored: Steps
    exact: Floats
    step: float

    def worst_steps(self, got: Steps) -> float:
        """Return the largest distance of results to the exact ones, in steps."""
        return float(np.max(np.abs(got.astype(np.float64) - self.exact)) / self.step)


def spot_check(model: bytes, sample: Tensors, config: SessionConfig, *, where: str) -> tuple[LayerCheck, ...]:
    """Check that onnxruntime computes the integer layers of a model exactly on this machine.

    Args:
        model: The serialized quantized model.
        sample: Inputs of the model.
        config: How the model is opened where it is measured.
        where: What messages call it.

    Raises:
        GateError: It does not.
    """
    checks: dict[str, LayerCheck] = {}
    for probe in make_probes(model, sample, config, where=where):
        name = str(probe.layer.node.name)
        got = open_session(probe.model, config, where=f"{where}: {name}").run({"x": probe.stored})["y"]
        steps, before = probe.worst_steps(got), checks.get(name)
        if steps > _NEAREST:
            raise GateError(
                f"{where}: expected exact integer sums of {name} ({probe.layer.kind}) on this machine, "
                f"got results that are {steps:.0f} steps off",
                hint="its integer arithmetic saturates: quantize on a machine with VNNI, or on the board",
            )
        checks[name] = LayerCheck(
            name,
            probe.layer.kind,
            probe.exact.size + (before.results if before else 0),
            round(max(steps, before.worst_steps if before else 0.0), 3),
        )
    return tuple(checks.values())


def make_probes(model: bytes, sample: Tensors, config: SessionConfig, *, where: str) -> Iterator[Probe]:
    """Yield the probes of a model: a layer of each kind, on a sample's values and on those of its largest sum."""
    import onnx

    graph = Graph(onnx.load_model_from_string(model))
    layers = _one_of_each_kind(integer_layers(graph))
    if not layers:
        return
    seen = _stored_inputs(graph, layers, sample, config, where)
    for layer in layers:
        real = _corner(layer, seen[layer.stored])
        for stored in (real, _largest(layer, real.shape)):
            yield _probe(layer, stored, graph)


def _one_of_each_kind(layers: tuple[IntegerLayer, ...]) -> tuple[IntegerLayer, ...]:
    heaviest: dict[str, IntegerLayer] = {}
    for layer in sorted(layers, key=lambda layer: -float(np.abs(layer.weights.astype(np.int16)).mean())):
        heaviest.setdefault(layer.kind, layer)
    return tuple(heaviest.values())[:_MOST_KINDS]


def _stored_inputs(
    graph: Graph, layers: tuple[IntegerLayer, ...], sample: Tensors, config: SessionConfig, where: str
) -> Mapping[str, Steps]:
    """Return the integers that layers read when the model runs on a sample."""
    import onnx
    from onnx import helper

    model: Model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    kinds = {layer.stored: helper.np_dtype_to_tensor_dtype(layer.zero.dtype) for layer in layers}
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items())
    return open_session(model.SerializeToString(), config, where=where).run(sample)


def _corner(layer: IntegerLayer, stored: Steps) -> Steps:
    """Return a part of a layer's input: all channels of a corner, or some rows."""
    if layer.node.op_type != "Conv":
        return stored.reshape(-1, stored.shape[-1])[:_MOST_ROWS]
    reach = window_sizes(layer.node, layer.weights.shape[2:])
    part = stored[(slice(0, 1), slice(None), *(slice(0, size + _BEYOND_KERNEL) for size in reach))]
    missing = [(0, max(0, size - have)) for size, have in zip(reach, part.shape[2:], strict=True)]
    return np.pad(part, [(0, 0), (0, 0), *missing], constant_values=layer.zero)


def _largest(layer: IntegerLayer, shape: tuple[int, ...]) -> Steps:
    """Return the input that makes the largest sum of a layer: the ends of the range, by the sign of the weights."""
    limits = np.iinfo(layer.zero.dtype)
    weights = layer.weights.astype(np.int64)
    if layer.node.op_type == "Conv":
        own = weights.shape[1]
        strongest = int(np.abs(weights).sum(axis=tuple(range(1, weights.ndim))).argmax())
        tile = np.where(weights[strongest] > 0, limits.max, limits.min)
        tile = np.tile(tile, (shape[1] // own, *[1] * (weights.ndim - 2)))
        repeats = [-(-size // have) for size, have in zip(shape[1:], tile.shape, strict=True)]
        filled = np.tile(tile, repeats)[tuple(slice(0, size) for size in shape[1:])][np.newaxis]
    else:
        columns = weights if weights.shape[0] == shape[1] else weights.T
        filled = np.where(columns[:, int(np.abs(columns).sum(axis=0).argmax())] > 0, limits.max, limits.min)
    return np.broadcast_to(filled, shape).astype(layer.zero.dtype)


def _probe(layer: IntegerLayer, stored: Steps, graph: Graph) -> Probe:
    """Return a layer alone, with an output range that just holds its exact results."""
    from onnx import TensorProto, helper, numpy_helper

    exact = exact_results(layer, stored)
    low, high = min(0.0, float(exact.min())), max(0.0, float(exact.max()))
    step = np.float32(max(high - low, 1e-6) / _STEPS)
    zero = np.asarray(round(np.iinfo(layer.zero.dtype).min - low / float(step)), layer.zero.dtype)
    constants = {
        **{"xs": np.float32(layer.scale), "xz": layer.zero, "w": layer.weights, "ws": layer.weight_scales},
        **{"wz": np.zeros(layer.weight_scales.shape, np.int8), "ys": step, "yz": zero},
    }
    nodes = [_straight(layer)] if layer.node.op_type == DYNAMIC else _between_pairs(layer, graph)
    used = {name for node in nodes for name in node.input}
    probe = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(layer.zero.dtype), stored.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, exact.shape)],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items() if name in used],
    )
    model = helper.make_model(probe, opset_imports=graph.model.opset_import, ir_version=graph.model.ir_version)
    return Probe(layer, bytes(model.SerializeToString()), stored, exact, float(step))


def _straight(layer: IntegerLayer) -> Node:
    """Return the operator from integers to float."""
    from onnx import helper

    return helper.make_node(DYNAMIC, ["x", "w", "xs", "ws", "xz"], ["y"], layer.node.name, domain=layer.node.domain)


def _between_pairs(layer: IntegerLayer, graph: Graph) -> list[Node]:
    """Return the operator between DequantizeLinear and QuantizeLinear, without padding and bias."""
    from onnx import NodeProto, helper

    weight, operator = NodeProto(), NodeProto()
    weight.CopyFrom(graph.producer[layer.node.input[1]])
    weight.input[:], weight.output[:] = ["w", "ws", "wz"], ["b"]
    operator.CopyFrom(layer.node)
    del operator.attribute[:]
    operator.input[:], operator.output[:] = ["a", "b"], ["c"]
    operator.attribute.extend(one for one in layer.node.attribute if one.name != "pads")
    return [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["a"]),
        weight,
        operator,
        helper.make_node("QuantizeLinear", ["c", "ys", "yz"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "ys", "yz"], ["y"]),
    ]
