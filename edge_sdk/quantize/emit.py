"""From a float graph and a placement to the ONNX file of a family.

- Weights are int8 in the file, symmetric, one scale an output channel, followed by DequantizeLinear.
- Biases stay float: onnxruntime itself rounds them to int32 with scale = input scale x weight scale where it fuses a
  layer (TensorRT refuses any other form), and they are corrected for what rounding the weights did to the mean.
- `arm-int8` and `x86-int8`: asymmetric activations, stored as int8 and as uint8 (the same steps, 128 higher, for which
  x86 has the faster kernels); a clamp that the range of its result already enforces is left out.
- `tensorrt-int8`: symmetric activations, zero point 0 everywhere.
- `fp16`: float16 inside, float32 inputs and outputs.
- What can be inferred (shapes) or tells nobody anything (names of tensors and Q/DQ nodes) is not written: it is a tenth
  of a small model. Operators keep their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.graph import Graph, Model, Node, attributes
from edge_sdk.quantize.placement import Placement, clamp_bounds
from edge_sdk.quantize.ranges import HIGHEST, LOWEST, Quant, choose_range, to_quant

_BIAS_LIMIT = float((1 << 31) - (1 << 8))
"""int32, less what rounding may add."""
_CLAMP_TOLERANCE = 1e-6
_ARITHMETIC = frozenset({"Add", "Mul", "Concat"})


@dataclass(frozen=True, slots=True)
class Form:
    """How a family stores its integers.

    Attributes:
        activations: Element type of quantized activations.
        symmetric: Whether the zero point of activations is always 0.
    """

    activations: Literal["int8", "uint8"]
    symmetric: bool


FORMS: Mapping[Family, Form] = {
    "arm-int8": Form("int8", symmetric=False),
    "x86-int8": Form("uint8", symmetric=False),
    "tensorrt-int8": Form("int8", symmetric=True),
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the emission takes from calibration.

    Attributes:
        quants: Scale and zero point by tensor.
        means: Mean of each channel, by tensor: what the bias correction needs.
    """

    quants: Mapping[str, Quant]
    means: Mapping[str, npt.NDArray[np.float64]]


def choose_quants(
    placement: Placement, statistics: Mapping[str, Statistics], *, method: RangeMethod, symmetric: bool
) -> Calibration:
    """Return scale and zero point of each tensor that carries a Q/DQ pair, and the means of its channels."""
    quants: dict[str, Quant] = {}
    for name in placement.tensors:
        source = name
        while source in placement.same_range:
            source = placement.same_range[source]
        low, high = choose_range(statistics[source].histogram, method, symmetric=symmetric)
        quants[name] = to_quant(low, high, symmetric=symmetric)
    means = {name: statistics[name].channels.mean for name in placement.tensors}
    return Calibration(quants, {name: mean for name, mean in means.items() if mean.size})


def emit_int8(graph: Graph, placement: Placement, calibration: Calibration, form: Form) -> Model:
    """Return the model with Q/DQ pairs where the placement says, in the form of a family."""
    return _Emitter(graph, placement, calibration, form).model()


def emit_fp16(graph: Graph, float_layers: Iterable[str] = ()) -> Model:
    """Return the `fp16` model; the named layers stay float32."""
    import onnx
    from onnxruntime.transformers import float16

    copy = onnx.ModelProto()
    copy.CopyFrom(graph.model)
    blocked = list(float_layers)
    return float16.convert_float_to_float16(copy, keep_io_types=True, node_block_list=blocked, disable_shape_infer=True)


class _Emitter:
    """One emission: the new nodes and initializers, in order."""

    def __init__(self, graph: Graph, placement: Placement, calibration: Calibration, form: Form) -> None:
        self.graph = graph
        self.placement = placement
        self.quants = calibration.quants
        self.means = calibration.means
        self.form = form
        self.nodes: list[Node] = []
        self.initializers: list[Any] = []
        self.renamed: dict[str, str] = {}
        self.written: set[str] = set()
        self.integer_results = self._integer_results()
        self.clamped = self._needless_clamps()

    def model(self) -> Model:
        import onnx

        for name in self.placement.tensors:
            if name in self.graph.inputs:
                self._pair(name, name)
        for node in self.graph.nodes:
            if node.name in self.clamped:
                continue
            self._node(node)
        model = onnx.ModelProto()
        model.CopyFrom(self.graph.model)
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input} | set(self.graph.outputs)
        kept = [t for t in model.graph.initializer if t.name in used or t.name in self._names_in_subgraphs()]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*kept, *self.initializers])
        _shorten(model, keep={*self.graph.inputs, *self.graph.outputs, *self._names_in_subgraphs()})
        del model.graph.value_info[:]
        return model

    def _needless_clamps(self) -> dict[str, str]:
        """Return clamp name -> its input, for clamps whose bounds the range of the result enforces by saturation."""
        found = {}
        for node in self.graph.nodes:
            bounds = clamp_bounds(self.graph, node) if node.op_type in {"Relu", "Clip"} else None
            quant = self.quants.get(node.output[0])
            maker = self.graph.producer.get(node.input[0]) if node.input else None
            if bounds is None or quant is None or maker is None or maker.output[0] not in self.integer_results:
                continue
            alone = len(self.graph.consumers[node.input[0]]) == 1 and node.input[0] not in self.quants
            tolerance = _CLAMP_TOLERANCE * max(1.0, quant.high - quant.low)
            if alone and bounds[0] - tolerance <= quant.low and quant.high <= bounds[1] + tolerance:
                found[node.name] = node.input[0]
        return found

    def _node(self, node: Node) -> None:
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for i, name in enumerate(node.input):
            copy.input[i] = self._operand(name, node)
        if self._would_be_quantized(node):
            copy.input[0] = self._shielded(node.input[0], copy.input[0])
        if node.name in self.placement.layers:
            self._layer(copy, node)
        self.nodes.append(copy)
        for i, name in enumerate(node.output):
            result = self._after_clamp(name)
            if result in self.quants:
                copy.output[i] = f"{result}_float" if self._replaces(result) else result
                self._pair(result, copy.output[i])

    def _would_be_quantized(self, node: Node) -> bool:
        """Tell whether onnxruntime would quantize the weights of this float layer by itself, with one scale for all.

        Its WeightBiasQuantization does so wherever the input of a Conv, ConvTranspose or Gemm comes from a
        DequantizeLinear and the weights are a float initializer.
        """
        weights = node.op_type in {"Conv", "ConvTranspose", "Gemm"} and node.input[1] in self.graph.constants
        return weights and node.name not in self.placement.layers and self._read(node.input[0], node) != node.input[0]

    def _shielded(self, name: str, dequantized: str) -> str:
        """Write a Clip that changes nothing between DequantizeLinear and a float layer, so that it stays float."""
        from onnx import helper

        result = f"{name}_shielded"
        if result not in self.written:
            self.written.add(result)
            quant = self.quants[name]
            self._initializer(f"{name}_low", np.array(quant.low, np.float32))
            self._initializer(f"{name}_high", np.array(quant.high, np.float32))
            self.nodes.append(
                helper.make_node("Clip", [dequantized, f"{name}_low", f"{name}_high"], [result], f"{name}_shield")
            )
        return result

    def _after_clamp(self, name: str) -> str:
        readers = self.graph.consumers[name]
        return str(readers[0].output[0]) if len(readers) == 1 and readers[0].name in self.clamped else name

    def _replaces(self, name: str) -> bool:
        """Tell whether the dequantized tensor takes the name: everybody reads it, the graph's caller too."""
        return name in self.graph.outputs and name in self.integer_results

    def _pair(self, name: str, source: str) -> None:
        """Write a Q/DQ pair behind `source`."""
        from onnx import helper

        quant = self.quants[name]
        scale, zero = self._scale(name, quant)
        result = name if self._replaces(name) else f"{name}_dq"
        self.nodes.append(helper.make_node("QuantizeLinear", [source, scale, zero], [f"{name}_q"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", scale, zero], [result]))
        self.renamed[name] = result

    def _operand(self, name: str, node: Node) -> str:
        """Return what an operator reads in place of one of its inputs."""
        operand = node.op_type in _ARITHMETIC and node.name in self.placement.integer
        if operand and name in self.graph.constants and self.graph.is_float(name):
            return self._constant(name)
        return self._read(name, node)

    def _read(self, name: str, node: Node) -> str:
        if name not in self.renamed:
            return name
        if name in self.placement.readers:
            return self.renamed[name] if node.name in self.placement.readers[name] else name
        everybody = name in self.integer_results or node.name in self.placement.integer
        return self.renamed[name] if everybody else name

    def _integer_results(self) -> frozenset[str]:
        """Return the results of integer operators, seen through a clamp: all readers read what the integers hold."""
        found = set()
        for node in self.graph.nodes:
            if node.name in self.placement.integer and not self.placement.readers:
                found.update(node.output)
                readers = [reader for name in node.output for reader in self.graph.consumers[name]]
                found.update(reader.output[0] for reader in readers if reader.op_type in {"Relu", "Clip"})
        return frozenset(found)

    def _layer(self, copy: Node, node: Node) -> None:
        weight = self.graph.constants.get(node.input[1])
        if weight is None:
            return
        axis = _channel_axis(node, weight)
        scales = _weight_scales(weight, axis)
        quant = self.quants[node.input[0]]
        bias = self._bias(node, weight.shape[axis])
        if bias is not None:
            scales = np.maximum(scales, (np.abs(bias) / (quant.scale * _BIAS_LIMIT)).astype(np.float32))
        shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
        spread = scales.reshape(shape) if scales.ndim else scales
        stored = np.clip(np.rint(weight / spread), -HIGHEST, HIGHEST).astype(np.int8)
        copy.input[1] = self._dequantized(f"{node.name}_weight", stored, scales, axis)
        if bias is None:
            return
        mean = self.means.get(node.input[0])
        if mean is not None:
            bias = bias - weight_shift(node, stored.astype(np.float64) * spread - weight, mean)
        self._initializer(f"{node.name}_bias", bias.astype(np.float32))
        copy.input[2:] = [f"{node.name}_bias"]

    def _bias(self, node: Node, channels: int) -> npt.NDArray[np.float64] | None:
        """Return the bias of a layer, zeros if it has none; None if it cannot be corrected."""
        if node.op_type == "MatMul":
            return None
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(channels)
        values = self.graph.constants.get(node.input[2])
        return values.astype(np.float64) if values is not None and values.ndim == 1 else None

    def _dequantized(self, name: str, stored: npt.NDArray[Any], scales: npt.NDArray[np.float32], axis: int) -> str:
        from onnx import helper

        self._initializer(f"{name}_int", stored)
        self._initializer(f"{name}_scale", scales)
        self._initializer(f"{name}_zero", np.zeros(scales.shape, stored.dtype))
        self.nodes.append(
            helper.make_node(
                "DequantizeLinear",
                [f"{name}_int", f"{name}_scale", f"{name}_zero"],
                [f"{name}_dq"],
                axis=axis if scales.ndim else None,
            )
        )
        return f"{name}_dq"

    def _constant(self, name: str) -> str:
        """Write the constant operand of a sum or product as int8; return the name of the dequantized tensor."""
        from onnx import helper

        result = f"{name}_dq"
        if result in self.written:
            return result
        self.written.add(result)
        values = self.graph.constants[name]
        quant = to_quant(min(0.0, float(values.min())), max(0.0, float(values.max())), symmetric=False)
        scale, zero = self._scale(name, quant)
        stored = np.clip(np.rint(values / np.float32(quant.scale)) + quant.zero_point, LOWEST, HIGHEST)
        self._initializer(f"{name}_int", self._as_stored(stored))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_int", scale, zero], [result]))
        return result

    def _scale(self, name: str, quant: Quant) -> tuple[str, str]:
        self._initializer(f"{name}_scale", np.array(quant.scale, np.float32))
        self._initializer(f"{name}_zero", self._as_stored(np.array(quant.zero_point)))
        return f"{name}_scale", f"{name}_zero"

    def _as_stored(self, steps: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return int8 steps in the element type of the form."""
        shift = -LOWEST if self.form.activations == "uint8" else 0
        return (steps.astype(np.int64) + shift).astype(self.form.activations)

    def _initializer(self, name: str, values: npt.NDArray[Any]) -> None:
        from onnx import numpy_helper

        if name in self.written:
            return
        self.written.add(name)
        self.initializers.append(numpy_helper.from_array(np.asarray(values), name))

    def _names_in_subgraphs(self) -> set[str]:
        from onnx import AttributeProto

        return {
            name
            for node in self.nodes
            for attribute in node.attribute
            if attribute.type == AttributeProto.GRAPH
            for inner in attribute.g.node
            for name in inner.input
        }


def weight_shift(node: Node, error: npt.NDArray[Any], mean: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return by how much rounding the weights moves the mean of each output channel.

    Rounding is not zero on average for the few weights of a channel, and inputs after a ReLU are not zero on average
    either; subtracting the shift from the bias is the bias correction of Nagel et al. 2019, "Data-free quantization",
    with the means that were measured.

    Args:
        node: The layer.
        error: Rounded weights less the weights, in the weights' shape.
        mean: The mean of each input channel.
    """
    if node.op_type == "Gemm":
        return np.asarray((error if attributes(node).get("transB", 0) else error.T) @ mean, np.float64)
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(axis=2)
    group = int(attributes(node).get("group", 1))
    inputs = mean.reshape(group, -1).repeat(error.shape[0] // group, axis=0)
    return np.asarray((taps * inputs).sum(axis=1), np.float64)


def _shorten(model: Model, *, keep: set[str]) -> None:
    """Give the tensors of the main graph short names; operators keep theirs, which reports speak of."""
    short: dict[str, str] = {name: name for name in keep | {""}}

    def renamed(name: str) -> str:
        return short.setdefault(name, f"t{len(short)}" if f"t{len(short)}" not in keep else f"t{len(short)}_")

    for node in model.graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = renamed(tensor.name)


def _channel_axis(node: Node, weight: npt.NDArray[Any]) -> int:
    """Return the axis of the output channels."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        return 0 if attributes(node).get("transB", 0) else 1
    return int(weight.ndim - 1)


def _weight_scales(weight: npt.NDArray[Any], axis: int) -> npt.NDArray[np.float32]:
    """Return one scale an output channel; a single one for stacks of matrices, which have no per-channel kernel."""
    if weight.ndim > 2 and axis == weight.ndim - 1:
        largest = np.abs(weight).max()
    else:
        largest = np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis))
    return np.asarray(np.maximum(largest / HIGHEST, 1e-12), np.float32)
