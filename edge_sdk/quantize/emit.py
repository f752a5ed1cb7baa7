"""From a float graph and a placement to the ONNX file of an int8 family.

- Weights are int8 in the file, followed by DequantizeLinear; see `edge_sdk.quantize.weights`.
- Biases stay float, as TensorRT demands: onnxruntime itself rounds them to int32 with scale = input scale x weight
  scale where it fuses a layer. It does not for a Gemm that ends in float: the CPU families give any Gemm an int32 bias.
- `arm-int8` and `x86-int8`: asymmetric activations, stored as int8 and as uint8 (the same steps, 128 higher, for which
  x86 has the faster kernels); a clamp that the range of its result already enforces is left out.
- `tensorrt-int8`: symmetric activations, zero point 0 everywhere. `tensorrt-int8-typed` is the same with scales that
  float16 holds, so that the file can be typed in float16 (`edge_sdk.quantize.typed`).
- What can be inferred (shapes) or tells nobody anything (names of tensors and Q/DQ nodes) is not written: it is a tenth
  of a small model. Operators keep their names.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.cpu_kernels import SAME_RANGE
from edge_sdk.quantize.graph import Graph, Model, Node, attributes, inner_nodes
from edge_sdk.quantize.placement import Placement
from edge_sdk.quantize.ranges import HIGHEST, LOWEST, Quant, Range, choose_range, to_quant, up_to_half
from edge_sdk.quantize.saturation import Saturating, saturating_form
from edge_sdk.quantize.weights import (
    Layer,
    Weights,
    channel_axis,
    layer_bias,
    least_scales,
    quantize_weights,
    weight_shift,
)

SHIELD = "shield"
"""What the name of an operator that does nothing but keep the next one in float ends with."""
_ARITHMETIC = frozenset({"Add", "Mul", "Concat"})
_PART = "\0"
"""Stands between the name of a tensor and of a part of its Q/DQ pair; no name of a model has it, none written does."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a family stores its integers.

    Attributes:
        activations: Element type of quantized activations.
        symmetric: Whether the zero point of activations is always 0.
        scales: The type that holds the scales, and what is not in integers.
        least_opset: The oldest operator set in which it can be written: Q/DQ in float16 came with 19.
    """

    activations: Literal["int8", "uint8"]
    symmetric: bool
    scales: Literal["float32", "float16"] = "float32"
    least_opset: int = 13


FORMS: Mapping[Family, Form] = {
    "arm-int8": Form("int8", symmetric=False),
    "x86-int8": Form("uint8", symmetric=False),
    "tensorrt-int8": Form("int8", symmetric=True),
    "tensorrt-int8-typed": Form("int8", symmetric=True, scales="float16", least_opset=19),
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the emission takes from calibration.

    Attributes:
        quants: Scale and zero point by tensor.
        means: Mean of each channel, by tensor: what the bias correction needs.
        layers: Layers whose weights and bias are known already; others are rounded here.
    """

    quants: Mapping[str, Quant]
    means: Mapping[str, npt.NDArray[np.float64]]
    layers: Mapping[str, Layer] = field(default_factory=dict)


def choose_quants(
    placement: Placement,
    statistics: Mapping[str, Statistics],
    ranges: Mapping[str, Range] | RangeMethod,
    *,
    symmetric: bool,
) -> Calibration:
    """Return scale and zero point of each tensor that carries a Q/DQ pair, and the means of its channels.

    Args:
        placement: Where the pairs are.
        statistics: What calibration saw.
        ranges: The range of each tensor; or the way to choose it, the same for all.
        symmetric: Whether the zero point is always 0.
    """
    quants: dict[str, Quant] = {}
    for name in placement.tensors:
        source = name
        while source in placement.same_range:
            source = placement.same_range[source]
        chosen = (
            choose_range(statistics[source].histogram, ranges, symmetric=symmetric)
            if isinstance(ranges, str)
            else ranges[source]
        )
        quants[name] = to_quant(*chosen, symmetric=symmetric)
    means = {name: statistics[name].channels.mean for name in placement.tensors if name in statistics}
    return Calibration(quants, {name: mean for name, mean in means.items() if mean.size})


def in_half_steps(calibration: Calibration) -> Calibration:
    """Return the calibration with scales that float16 holds."""
    scales = {name: float(up_to_half(quant.scale)) for name, quant in calibration.quants.items()}
    return replace(calibration, quants={name: replace(q, scale=scales[name]) for name, q in calibration.quants.items()})


def layer_weights(graph: Graph, node: Node, input_scale: float, form: Form) -> Weights:
    """Return the constant weights of a layer in int8, each rounded to the nearest step."""
    weight, bias = graph.constants[node.input[1]], layer_bias(graph, node)
    axis = channel_axis(node, weight)
    weights = quantize_weights(weight, axis, None if bias is None else least_scales(bias, input_scale))
    return quantize_weights(weight, axis, up_to_half(weights.scales)) if form.scales == "float16" else weights


def shifted_bias(
    graph: Graph, node: Node, weights: Weights, means: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64] | None:
    """Return the bias that takes back what rounding the weights does to the mean of a layer's results.

    Args:
        graph: The float graph.
        node: A layer with constant weights.
        weights: The weights, rounded.
        means: Mean of each channel, by tensor.

    Returns:
        One value an output channel; None where the layer cannot be given a bias.
    """
    bias, mean = layer_bias(graph, node), means.get(node.input[0])
    if bias is None or mean is None:
        return bias
    return bias - weight_shift(node, weights.real - graph.constants[node.input[1]], mean)


def emit_int8(graph: Graph, placement: Placement, calibration: Calibration, form: Form) -> Model:
    """Return the model with Q/DQ pairs where the placement says, in the form of a family."""
    return _Emitter(graph, placement, calibration, form).model()


class _Emitter:
    """One emission: the new nodes and initializers, in order."""

    def __init__(self, graph: Graph, placement: Placement, calibration: Calibration, form: Form) -> None:
        self.graph = graph
        self.placement = placement
        self.quants = calibration.quants
        self.means = calibration.means
        self.layers = calibration.layers
        self.form = form
        self.inner = {name for node in graph.nodes for n in inner_nodes(node) for name in (*n.input, *n.output)}
        self.nodes: list[Node] = []
        self.initializers: list[Any] = []
        self.dequantized: dict[str, str] = {}
        self.written: set[str] = set()
        self.clamped = {raw: result for result, raw in placement.absorbed.items()}

    def model(self) -> Model:
        import onnx

        for name in self.placement.tensors:
            source = self.placement.absorbed.get(name, name)
            if source in self.graph.inputs:
                self._pair(name, source)
        for node in self.graph.nodes:
            if node.output[0] not in self.placement.absorbed:
                self._node(node)
        model = onnx.ModelProto()
        model.CopyFrom(self.graph.model)
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input} | self.inner | set(self.graph.outputs)
        kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*kept, *self.initializers])
        shorten_names(model, keep={*self.graph.inputs, *self.graph.outputs, *self.inner})
        del model.graph.value_info[:]
        return model

    def _node(self, node: Node) -> None:
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for i, name in enumerate(node.input):
            copy.input[i] = self._operand(name, node)
        pair = self._pair_to_shield_from(node)
        if pair:
            copy.input[0] = self._shielded(copy.input[0], node.input[0], self.quants[pair])
        if node.name in self.placement.layers:
            self._layer(copy, node)
        form = saturating_form(self.graph, node) if node.name in self.placement.integer else None
        if form is not None:
            self._stand_in(copy, form)
        self.nodes.append(copy)
        for i, name in enumerate(node.output):
            result = self.clamped.get(name, name)
            if result in self.quants:
                copy.output[i] = f"{result}{_PART}float" if self._replaces(result) else result
                self._pair(result, copy.output[i], 1.0 if form is None else form.gain)

    def _stand_in(self, copy: Node, form: Saturating) -> None:
        """Turn an operator into the one that stands for it where its result is an integer."""
        from onnx import helper

        copy.op_type = form.op_type
        del copy.attribute[:]
        copy.attribute.extend(helper.make_attribute(name, value) for name, value in form.settings.items())
        del copy.input[1:]
        if form.added is not None:
            name = f"{copy.name}{_PART}added"
            copy.input.append(self._constant(name, np.array(form.added, np.float32)))

    def _pair_to_shield_from(self, node: Node) -> str:
        """Return the tensor whose Q/DQ pair would make onnxruntime quantize a float operator by itself; else nothing.

        Its QDQPropagation carries a pair on through what moves values.
        """
        if node.name in self.placement.integer or not self._would_be_quantized(node):
            return ""
        while not self._reads_pair(node.input[0], node):
            maker = self.graph.producer.get(node.input[0])
            if maker is None or maker.op_type not in SAME_RANGE:
                return ""
            node = maker
        return str(node.input[0])

    def _would_be_quantized(self, node: Node) -> bool:
        """Tell whether onnxruntime would quantize an operator between Q/DQ pairs, and should not.

        Its WeightBiasQuantization rounds float weights, with one scale for all channels; a product of two results needs
        no more than the pairs; its integer AveragePool refuses dilations. That of 1.23 has an integer Softmax that is
        wrong by a quarter of a narrow range, and takes the pairs of a DepthToSpace away without having an integer one.
        """
        if node.op_type in {"Conv", "ConvTranspose", "Gemm"}:
            return node.input[1] in self.graph.constants
        if node.op_type == "MatMul":
            return node.input[1] not in self.graph.constants
        if node.op_type == "AveragePool":
            return "dilations" in attributes(node)
        return node.op_type in {"Softmax", "DepthToSpace"}

    def _shielded(self, operand: str, name: str, quant: Quant) -> str:
        """Write a Clip that changes nothing between DequantizeLinear and a float operator, so that it stays float."""
        from onnx import helper

        result = f"{name}{_PART}{SHIELD}"
        if result not in self.written:
            self.written.add(result)
            low, high = f"{name}{_PART}low", f"{name}{_PART}high"
            self._initializer(low, np.array(quant.low, np.float32))
            self._initializer(high, np.array(quant.high, np.float32))
            self.nodes.append(helper.make_node("Clip", [operand, low, high], [result], f"{name}_{SHIELD}"))
        return result

    def _replaces(self, name: str) -> bool:
        """Tell whether the dequantized tensor takes the name: a caller or a branch reads it by that."""
        return name in self.placement.results and (name in self.graph.outputs or name in self.inner)

    def _pair(self, name: str, source: str, gain: float = 1.0) -> None:
        """Write a Q/DQ pair behind `source`; what is read is the gain times what is written."""
        from onnx import helper

        quant = self.quants[name]
        scale, zero = written, _ = self._scale(name, quant)
        if gain != 1:
            written, _ = self._scale(f"{name}{_PART}raw", Quant(quant.scale / gain, quant.zero_point))
        stored, result = f"{name}{_PART}q", name if self._replaces(name) else f"{name}{_PART}dq"
        self.nodes.append(helper.make_node("QuantizeLinear", [source, written, zero], [stored]))
        self.nodes.append(helper.make_node("DequantizeLinear", [stored, scale, zero], [result]))
        self.dequantized[name] = result

    def _operand(self, name: str, node: Node) -> str:
        """Return what an operator reads in place of one of its inputs."""
        if name in self.graph.constants and self.graph.is_float(name) and node.name in self.placement.integer:
            left = node.op_type == "MatMul" and name == node.input[0]
            return self._constant(name, self.graph.constants[name]) if left or node.op_type in _ARITHMETIC else name
        return self.dequantized[name] if self._reads_pair(name, node) else name

    def _reads_pair(self, name: str, node: Node) -> bool:
        """Tell whether an operator reads a tensor behind its Q/DQ pair."""
        return name in self.dequantized and self.placement.reads_pair(name, node)

    def _layer(self, copy: Node, node: Node) -> None:
        if self.graph.constants.get(node.input[1]) is None:
            return
        input_scale = self.quants[node.input[0]].scale
        layer = self.layers.get(node.name) or self._rounded(node, input_scale)
        weights, bias = layer.weights, layer.bias
        name = f"{node.name}{_PART}weight"
        copy.input[1] = self._dequantized(name, weights.stored, weights.scales, weights.axis)
        if bias is None:
            return
        name = f"{node.name}{_PART}bias"
        if node.op_type == "Gemm" and not self.form.symmetric:
            scales = (weights.scales * np.float32(input_scale)).astype(np.float32)
            name = self._dequantized(name, np.rint(bias / scales).astype(np.int32), scales, 0)
        else:
            self._initializer(name, bias.astype(np.float32))
        copy.input[2:] = [name]

    def _rounded(self, node: Node, input_scale: float) -> Layer:
        """Round the weights of a layer, and let its bias take back what that does to the mean of its results."""
        weights = layer_weights(self.graph, node, input_scale, self.form)
        return Layer(weights, shifted_bias(self.graph, node, weights, self.means))

    def _dequantized(self, name: str, stored: npt.NDArray[Any], scales: npt.NDArray[np.float32], axis: int) -> str:
        """Write integers and their DequantizeLinear; return the name of its result."""
        from onnx import helper

        parts = [f"{name}{_PART}{part}" for part in ("int", "scale", "zero")]
        for part, values in zip(parts, (stored, scales, np.zeros(scales.shape, stored.dtype)), strict=True):
            self._initializer(part, values)
        result = f"{name}{_PART}dq"
        along = axis if scales.ndim else None
        self.nodes.append(helper.make_node("DequantizeLinear", parts, [result], axis=along))
        return result

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Write the constant operand of a sum or product as int8; return the name of the dequantized tensor."""
        from onnx import helper

        result = f"{name}{_PART}dq"
        if result in self.written:
            return result
        self.written.add(result)
        quant = to_quant(min(0.0, float(values.min())), max(0.0, float(values.max())), symmetric=False)
        scale, zero = self._scale(name, quant)
        stored = np.clip(np.rint(values / np.float32(quant.scale)) + quant.zero_point, LOWEST, HIGHEST)
        self._initializer(f"{name}{_PART}int", self._as_stored(stored))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}{_PART}int", scale, zero], [result]))
        return result

    def _scale(self, name: str, quant: Quant) -> tuple[str, str]:
        scale, zero = f"{name}{_PART}scale", f"{name}{_PART}zero"
        self._initializer(scale, np.array(quant.scale, np.float32))
        self._initializer(zero, self._as_stored(np.array(quant.zero_point)))
        return scale, zero

    def _as_stored(self, steps: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return int8 steps in the element type of the form."""
        shift = -LOWEST if self.form.activations == "uint8" else 0
        return (steps.astype(np.int64) + shift).astype(self.form.activations)

    def _initializer(self, name: str, values: npt.NDArray[Any]) -> None:
        from onnx import numpy_helper

        if name not in self.written:
            self.written.add(name)
            self.initializers.append(numpy_helper.from_array(np.asarray(values), name))


def shorten_names(model: Model, *, keep: set[str]) -> None:
    """Give the tensors of the main graph short names; operators keep theirs, which reports speak of."""
    fresh = (name for name in map("t{}".format, itertools.count()) if name not in keep)
    short: dict[str, str] = {name: name for name in keep | {""}}

    def renamed(name: str) -> str:
        if name not in short:
            short[name] = next(fresh)
        return short[name]

    for node in model.graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = renamed(tensor.name)
