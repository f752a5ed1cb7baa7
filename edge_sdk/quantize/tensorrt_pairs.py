"""Rules about Q/DQ pairs: what TensorRT's explicit quantization takes, and where a pair keeps operators from fusing.

The parser is onnx-tensorrt, `QuantDequantLinearHelper` in onnxOpImporters.cpp; the guide is NVIDIA's "Working with
quantized types"; ModelOpt is NVIDIA's quantizer, which places pairs by rules measured on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.board_plan import PAIRS
from edge_sdk.quantize.cpu_kernels import SAME_RANGE
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node, attributes, is_dequantized
from edge_sdk.quantize.tensor_cores import stem_channels, why_narrow
from edge_sdk.quantize.tensorrt_places import Place, name_of
from edge_sdk.quantize.weights import channel_axis

_LAYERS = LAYER_OPS | {"ConvTranspose"}
_WIDE = frozenset({"int32", "int16", "uint16"})
_PASSES_INT8 = SAME_RANGE | {"AveragePool", "GlobalAveragePool", "Concat", "Relu", "Add"}
"""Operators that TensorRT computes in int8, or moves a pair across, if all they read is dequantized."""


def int8_the_gpu_lacks(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """No int8 on this GPU: Maxwell and Pascal boards (TensorRT's support matrix, "hardware and precision")."""
    count = sum(node.op_type in PAIRS for node in graph.nodes)
    if count and profile.gpu is not None and "int8" not in profile.gpu.precisions:
        yield Place("model", f"no Q/DQ for {profile.gpu.name}", f"{count} of them", "take the fp16 variant")


def zero_points(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A zero point is 0 (parser: "Non-zero zero point is not supported")."""
    for node in _pairs(graph):
        zero = _zero_point(graph, node)
        if zero is not None and np.any(zero):
            got = f"{zero.ravel()[np.flatnonzero(zero)[0]]} of {zero.dtype}"
            yield Place(name_of(graph, node), "zero point 0 of int8", got, "quantize it for this board")


def unsigned_steps(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Steps are int8: the parser refuses uint8 as data, and reads a uint8 zero point as int8 with a warning.

    Without a zero point, ONNX means uint8 and TensorRT takes int8.
    """
    for node in _pairs(graph):
        zero, stored = _zero_point(graph, node), graph.constants.get(node.input[0])
        kinds = {array.dtype.name for array in (zero, stored) if array is not None}
        if "uint8" in kinds or (node.op_type == "QuantizeLinear" and zero is None and not attributes(node)):
            yield Place(name_of(graph, node), "steps of int8", "uint8", "quantize it for this board")


def integers_wider_than_int8(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A bias is float ("A DequantizeLayer can only run in DataType::kINT8, …"), int16 steps are not there either."""
    for node in _pairs(graph):
        stored = graph.constants.get(node.input[0])
        wide = [held for held in (stored, _zero_point(graph, node)) if held is not None and held.dtype.name in _WIDE]
        if node.op_type == "DequantizeLinear" and wide:
            got = f"{wide[0].dtype} behind DequantizeLinear"
            yield Place(name_of(graph, node), "a float bias or int8 steps", got, "quantize it without its biases")


def scales(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A scale is a constant above zero (parser: "Scale coefficients must all be positive")."""
    for node in _pairs(graph):
        scale = graph.constants.get(node.input[1])
        if scale is None:
            yield Place(name_of(graph, node), "a constant scale", f"{node.input[1]}, which is computed")
        elif not np.all(np.isfinite(scale) & (scale > 0)):
            yield Place(name_of(graph, node), "scales above zero", f"{np.asarray(scale, np.float64).min():g}")


def half_scales(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """Before version 10, scales are float32 (TensorRT 8.6 operator reference: T2 of Quantize is float32)."""
    for node in _pairs(graph):
        scale = graph.constants.get(node.input[1])
        if scale is not None and scale.dtype == np.float16 and profile.system.tensorrt_version < (10,):
            got = f"float16 on TensorRT {profile.system.tensorrt}"
            yield Place(name_of(graph, node), "a scale in float32", got, "take the family tensorrt-int8")


def scale_counts(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """There is a scale a channel, or one, and as many zero points (parser: "The number of scales is not equal …")."""
    for node in _pairs(graph):
        scale, shape = graph.constants.get(node.input[1]), graph.shapes.get(node.input[0])
        zero = _zero_point(graph, node)
        if scale is None:
            continue
        if zero is not None and zero.size != scale.size:
            yield Place(name_of(graph, node), f"{scale.size} zero points", str(zero.size))
        if scale.size > 1 and shape is not None:
            axis = int(attributes(node).get("axis", 1))
            channels = shape[axis] if -len(shape) <= axis < len(shape) else 0
            if scale.ndim == 1 and channels != scale.size:
                yield Place(name_of(graph, node), f"{channels} scales along axis {axis}", str(scale.size))


def activations_by_channel(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Activations have one scale: scales by channel are for weights (guide: "Quantization Schemes")."""
    for node in _pairs(graph):
        scale = graph.constants.get(node.input[1])
        computed = node.op_type == "QuantizeLinear" and node.input[0] not in graph.constants
        if computed and scale is not None and scale.size > 1:
            yield Place(name_of(graph, node), "one scale for an activation", f"{scale.size}")


def weights_by_another_axis(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Weights have scales by output channel: axis 0 of Conv, 1 of ConvTranspose (guide; ModelOpt's configure_ort)."""
    for layer in _layers_in_int8(graph):
        maker = graph.producer[layer.input[1]]
        scale, shape = graph.constants.get(maker.input[1]), graph.shapes.get(maker.input[0])
        if scale is None or scale.size < 2 or shape is None or maker.input[0] not in graph.constants:
            continue
        axis, wanted = int(attributes(maker).get("axis", 1)) % len(shape), _output_axis(graph, layer, maker)
        if axis != wanted:
            yield Place(name_of(graph, layer), f"weight scales along axis {wanted}", f"axis {axis}")


def stems(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A convolution of a picture is not in int8: the builder has no kernel for 3 channels ("Error Code 10")."""
    for layer in _layers_in_int8(graph):
        channels = stem_channels(layer, graph.shapes.get(graph.producer[layer.input[1]].input[0], ()))
        if channels:
            yield Place(name_of(graph, layer), "a stem in float", f"int8 with {channels} input channels")


def narrow_layers(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Layers that do not fill a tensor core are faster in float16; see `edge_sdk.quantize.tensor_cores`."""
    for layer in _layers_in_int8(graph):
        reason = why_narrow(graph, layer, graph.shapes.get(graph.producer[layer.input[1]].input[0], ()))
        if reason:
            yield Place(name_of(graph, layer), "it in float", f"int8: {reason}")


def half_quantized_layers(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A layer is in int8 if both its input and its weights are dequantized; else the pair is work for nothing."""
    for node in graph.nodes:
        sides = [is_dequantized(graph, name) for name in node.input[:2]]
        if node.op_type in _LAYERS and sides in ([True, False], [False, True]):
            got = "its input only" if sides[0] else "its weights only"
            yield Place(name_of(graph, node), "input and weights quantized", got)


def idle_pairs(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """A pair stands before an operator in int8: behind a result, or around a Mul, it keeps others from fusing.

    Guide, "Q/DQ layer-placement recommendations": quantize inputs of weighted operators and the residual of a sum; by
    default do not quantize results.
    """
    for node in graph.nodes:
        if node.op_type != "DequantizeLinear" or node.input[0] in graph.constants:
            continue
        readers = graph.consumers[node.output[0]]
        if not any(_computes_in_int8(graph, reader) for reader in readers):
            got = ", ".join(sorted({reader.op_type for reader in readers})) or "an output of the model"
            yield Place(name_of(graph, node), "an operator in int8 behind the pair", got, "leave the pair out")


def _pairs(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if node.op_type in PAIRS]


def _zero_point(graph: Graph, node: Node) -> npt.NDArray[Any] | None:
    return graph.constants.get(node.input[2]) if len(node.input) > 2 else None


def _layers_in_int8(graph: Graph) -> list[Node]:
    return [
        node
        for node in graph.nodes
        if node.op_type in _LAYERS and all(is_dequantized(graph, n) for n in node.input[:2])
    ]


def _computes_in_int8(graph: Graph, node: Node) -> bool:
    if node.op_type in _LAYERS:
        return all(is_dequantized(graph, name) for name in node.input[:2])
    if node.op_type == "Add":
        makers = [graph.producer.get(name) for name in node.input]
        return any(maker is not None and (maker.op_type in _LAYERS or maker.op_type in PAIRS) for maker in makers)
    values = [name for name in node.input if name and name not in graph.constants]
    return node.op_type in _PASSES_INT8 and all(is_dequantized(graph, name) for name in values)


def _output_axis(graph: Graph, layer: Node, maker: Node) -> int:
    return channel_axis(layer, graph.constants[maker.input[0]])
