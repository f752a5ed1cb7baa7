"""Instructions of each kind of operator on ARM cores, float and int8: what a layer saves, and what a conversion costs.

Each kernel is a model of one operator as onnxruntime's optimizer leaves it on ARM: float in NCHW, integers in NHWC
(`QLinearConv` with channels last and the like), so that no conversion and no transpose is in the figure. What a call
costs by itself, taken from a model that copies one number, is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edge_sdk.tensors import Array, Tensors
from scripts.emulator.board import Counts, EmulatedBoard

_OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
_CONTRIB = "com.microsoft"
_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
}
_SCALE, _ZERO = np.float32(0.05), np.int8(-3)


@dataclass(frozen=True, slots=True)
class Kernel:
    """An operator of one shape.

    Attributes:
        kind: What it is.
        shape: Its sizes in words.
        work: How many multiply-accumulates it does; of what does none, how many elements it reads.
        unit: Which of the two that is.
        models: By arithmetic, the model and its inputs.
    """

    kind: str
    shape: str
    work: int
    unit: str
    models: dict[str, tuple[bytes, Tensors]]


def measure(board: EmulatedBoard, cores: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the figures of each kernel on each core, net of what a call costs."""
    kernels = all_kernels()
    runs = [run for kernel in kernels for run in kernel.models.values()]
    for core in cores:
        call, *counted = board.count(core, [_call(), *runs])
        counts = iter(counted)
        for kernel in kernels:
            told = {name: _figures(next(counts), call, kernel.work) for name in kernel.models}
            ratio = {}
            if {"float", "int8"} <= told.keys():
                ratio = {"int8_to_float": round(told["int8"]["instructions"] / told["float"]["instructions"], 3)}
            yield {"core": core, "kind": kernel.kind, "shape": kernel.shape, "work": kernel.work, "unit": kernel.unit,
                   **ratio, **told}  # fmt: skip


def _figures(counts: Counts, call: Counts, work: int) -> dict[str, Any]:
    net = {name: max(0, value - asdict(call)[name]) for name, value in asdict(counts).items()}
    return {**net, "a_unit": round(net["instructions"] / work, 4)}


def all_kernels() -> list[Kernel]:
    """Return the kernels: the shapes that networks for boards have, and those that miss a fast path."""
    convolutions = [
        _convolution("conv 3x3", channels=(64, 64), size=28, kernel=3),
        _convolution("conv 3x3", channels=(128, 128), size=14, kernel=3),
        _convolution("conv 3x3 below 64 channels", channels=(32, 32), size=28, kernel=3),
        _convolution("conv 3x3 below 64 channels", channels=(16, 16), size=32, kernel=3),
        _convolution("conv 3x3 of a picture", channels=(3, 32), size=64, kernel=3),
        _convolution("conv 1x1", channels=(16, 64), size=28, kernel=1),
        _convolution("conv 1x1", channels=(64, 64), size=28, kernel=1),
        _convolution("conv 1x1", channels=(128, 128), size=14, kernel=1),
        _convolution("conv 1x1", channels=(320, 256), size=7, kernel=1),
        _convolution("depthwise 3x3", channels=(32, 32), size=28, kernel=3, groups=32),
        _convolution("depthwise 3x3", channels=(128, 128), size=14, kernel=3, groups=128),
        _convolution("depthwise 3x3, channels not of 8", channels=(36, 36), size=28, kernel=3, groups=36),
        _convolution("depthwise 5x5", channels=(64, 64), size=14, kernel=5, groups=64),
        _convolution("depthwise 7x7", channels=(64, 64), size=14, kernel=7, groups=64),
        _convolution("conv 3x3 of 4 groups", channels=(64, 64), size=28, kernel=3, groups=4),
        _convolution("conv of 9 samples", channels=(32, 32), size=256, kernel=9, rank=1),
        _matrix(256, 10),
        _matrix(512, 512),
        _matrix(1280, 1000),
    ]
    return [*convolutions, *_elementwise(), *_pools(), *_conversions()]


def _convolution(
    kind: str, *, channels: tuple[int, int], size: int, kernel: int, groups: int = 1, rank: int = 2
) -> Kernel:
    """Return a convolution of stride 1 that keeps the size."""
    inner, outer = channels[0] // groups, channels[1]
    weights = _random((outer, inner, *[kernel] * rank))
    bias = np.zeros(outer, np.float32)
    window = {"kernel_shape": [kernel] * rank, "pads": [kernel // 2] * 2 * rank, "group": groups}
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **window)
    quantized = {
        **{"xs": _SCALE, "xz": _ZERO, "w": _to_int8(weights), "ws": np.full(outer, 0.02, np.float32)},
        **{"wz": np.zeros(outer, np.int8), "ys": np.float32(0.4), "yz": _ZERO, "b": np.zeros(outer, np.int32)},
    }
    inputs = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    integer = helper.make_node("QLinearConv", inputs, ["y"], domain=_CONTRIB, channels_last=1, **window)
    spatial = [size] * rank
    return Kernel(
        kind=kind,
        shape=f"{channels[0]} to {channels[1]} channels, {'x'.join(map(str, spatial))}",
        work=outer * inner * kernel**rank * size**rank,
        unit="multiply-accumulate",
        models={
            "float": _model(node, {"x": _random((1, channels[0], *spatial))}, {"w": weights, "b": bias}),
            **_integer_models(integer, {"x": _to_int8(_random((1, *spatial, channels[0])))}, quantized),
        },
    )


def _matrix(inner: int, outer: int) -> Kernel:
    """Return a fully connected layer of one sample."""
    weights = _random((inner, outer))
    quantized = {
        **{"xs": _SCALE, "xz": _ZERO, "w": _to_int8(weights), "ws": np.full(outer, 0.02, np.float32)},
        **{"wz": np.zeros(outer, np.int8), "b": np.zeros(outer, np.int32), "ys": np.float32(0.4), "yz": _ZERO},
    }
    integer = helper.make_node("QGemm", ["x", *quantized], ["y"], domain=_CONTRIB)
    return Kernel(
        kind="Gemm",
        shape=f"{inner} to {outer}",
        work=inner * outer,
        unit="multiply-accumulate",
        models={
            "float": _model(
                helper.make_node("Gemm", ["x", "w", "b"], ["y"]),
                {"x": _random((1, inner))},
                {"w": weights, "b": np.zeros(outer, np.float32)},
            ),
            **_integer_models(integer, {"x": _to_int8(_random((1, inner)))}, quantized),
        },
    )


def _integer_models(node: NodeProto, inputs: Tensors, constants: Tensors) -> dict[str, tuple[bytes, Tensors]]:
    """Return an operator with int8 and with uint8 activations: the same values, 128 higher."""
    shifted = {name: _to_uint8(array) for name, array in inputs.items()}
    zeros = {name: _to_uint8(np.asarray(constants[name])) for name in ("xz", "yz")}
    return {"int8": _model(node, inputs, constants), "uint8": _model(node, shifted, {**constants, **zeros})}


def _elementwise() -> Iterator[Kernel]:
    shape = (1, 16, 32, 64)
    first = {"xs": _SCALE, "xz": _ZERO}
    second, result = {"vs": _SCALE, "vz": _ZERO}, {"ys": np.float32(0.1), "yz": _ZERO}
    for operator in ("Add", "Mul"):
        integer = helper.make_node(f"QLinear{operator}", ["x", *first, "v", *second, *result], ["y"], domain=_CONTRIB)
        both = {"x": _random(shape), "v": _random(shape)}
        yield _per_element(
            operator,
            shape,
            _model(helper.make_node(operator, ["x", "v"], ["y"]), both, {}),
            _model(integer, {name: _to_int8(values) for name, values in both.items()}, {**first, **second, **result}),
        )
    one = {"x": _random(shape)}
    for operator in ("Sigmoid", "LeakyRelu"):
        integer = helper.make_node(f"QLinear{operator}", ["x", *first, *result], ["y"], domain=_CONTRIB)
        yield _per_element(
            operator,
            shape,
            _model(helper.make_node(operator, ["x"], ["y"]), one, {}),
            _model(integer, {"x": _to_int8(one["x"])}, {**first, **result}),
        )
    for node in (
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("HardSigmoid", ["x"], ["y"]),
        helper.make_node("HardSwish", ["x"], ["y"]),
        helper.make_node("QuickGelu", ["x"], ["y"], domain=_CONTRIB, alpha=1.0),
        helper.make_node("Softmax", ["x"], ["y"]),
    ):
        yield _per_element(node.op_type, shape, _model(node, one, {}), None)


def _pools() -> Iterator[Kernel]:
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    scales = {"xs": _SCALE, "xz": _ZERO, "ys": _SCALE, "yz": _ZERO}
    first, last = {"x": _random((1, 64, 28, 28))}, {"x": _to_int8(_random((1, 28, 28, 64)))}
    names = ["x", *scales]
    yield _per_element(
        "MaxPool 3x3, stride 2",
        (1, 64, 28, 28),
        _model(helper.make_node("MaxPool", ["x"], ["y"], **window), first, {}),
        _model(helper.make_node("NhwcMaxPool", ["x"], ["y"], domain=_CONTRIB, **window), last, {}),
    )
    yield _per_element(
        "AveragePool 3x3, stride 2",
        (1, 64, 28, 28),
        _model(helper.make_node("AveragePool", ["x"], ["y"], **window), first, {}),
        _model(
            helper.make_node("QLinearAveragePool", names, ["y"], domain=_CONTRIB, channels_last=1, **window),
            last,
            scales,
        ),
    )
    yield _per_element(
        "GlobalAveragePool",
        (1, 64, 28, 28),
        _model(helper.make_node("GlobalAveragePool", ["x"], ["y"]), first, {}),
        _model(
            helper.make_node("QLinearGlobalAveragePool", names, ["y"], domain=_CONTRIB, channels_last=1), last, scales
        ),
    )


def _conversions() -> Iterator[Kernel]:
    shape = (1, 16, 32, 64)
    scales = {"s": _SCALE, "z": _ZERO}
    values = {"x": _random(shape)}
    integers = {"x": _to_int8(values["x"])}
    turned = {"perm": [0, 2, 3, 1]}
    concatenated = ["ys", "yz", "x", "s", "z", "v", "s", "z"]
    both = {"x": values["x"], "v": values["x"]}
    yield _per_element(
        "QuantizeLinear", shape, None, _model(helper.make_node("QuantizeLinear", ["x", *scales], ["y"]), values, scales)
    )
    yield _per_element(
        "DequantizeLinear",
        shape,
        None,
        _model(helper.make_node("DequantizeLinear", ["x", *scales], ["y"]), integers, scales),
    )
    yield _per_element(
        "Transpose to channels last",
        shape,
        *(_model(helper.make_node("Transpose", ["x"], ["y"], **turned), one, {}) for one in (values, integers)),
    )
    yield _per_element(
        "Concat of two, other scales",
        (2, *shape[1:]),
        _model(helper.make_node("Concat", ["x", "v"], ["y"], axis=1), both, {}),
        _model(
            helper.make_node("QLinearConcat", concatenated, ["y"], domain=_CONTRIB, axis=3),
            {name: integers["x"] for name in both},
            {**scales, "ys": np.float32(0.06), "yz": _ZERO},
        ),
    )


def _per_element(
    kind: str,
    shape: tuple[int, ...],
    in_float: tuple[bytes, Tensors] | None,
    in_int8: tuple[bytes, Tensors] | None,
) -> Kernel:
    found = {"float": in_float, "int8": in_int8}
    return Kernel(
        kind=kind,
        shape="x".join(map(str, shape)),
        work=int(np.prod(shape)),
        unit="element",
        models={name: model for name, model in found.items() if model is not None},
    )


def _call() -> tuple[bytes, Tensors]:
    """Return the model that measures a call by itself."""
    return _model(helper.make_node("Identity", ["x"], ["y"]), {"x": np.zeros(1, np.float32)}, {})


def _model(node: NodeProto, inputs: Tensors, constants: Tensors) -> tuple[bytes, Tensors]:
    """Return a model of one node, and its inputs."""
    graph = helper.make_graph(
        [node],
        "kernel",
        [helper.make_tensor_value_info(name, _TYPES[array.dtype], array.shape) for name, array in inputs.items()],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=_OPSETS, ir_version=8).SerializeToString(), dict(inputs)


def _random(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _to_int8(values: Array) -> Array:
    return np.clip(np.rint(values / _SCALE), -128, 127).astype(np.int8)


def _to_uint8(values: Array) -> Array:
    return (values.astype(np.int16) + 128).astype(np.uint8)
