"""Rules about the rest of a model: versions, types, operators, sizes, and the DLA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.graph import LAYER_OPS, Graph, inner_nodes
from edge_sdk.quantize.tensorrt_operators import (
    CONTROL_FLOW,
    NEVER,
    ON_DLA,
    SHAPE_FROM_VALUES,
    SINCE,
    unsupported_form,
)
from edge_sdk.quantize.tensorrt_places import Place, name_of

_ELSEWHERE = "onnxruntime computes it on CUDA or the CPU and splits the engine; trtexec refuses the model"
_INT32 = np.iinfo(np.int32)
_INT64 = np.iinfo(np.int64)
_LAST_DLA, _DLA_AGAIN = (10, 7), (11, 4, 1)


def newer_operator_set(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """The operator set is one that the board's onnxruntime and TensorRT read (`system.max_opset` of the profile)."""
    most = profile.system.max_opset
    if graph.opset > most:
        yield Place("model", f"operator set {most} or older", str(graph.opset), f"convert or export it to {most}")


def newer_ir(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """The IR version is one that the board's onnxruntime reads (`system.max_ir` of the profile)."""
    got = int(graph.model.ir_version)
    if got > profile.system.max_ir:
        yield Place("model", f"IR version {profile.system.max_ir} or older", str(got), "set ir_version to it")


def mixed_types(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Inputs that ONNX wants of one type are of one type (ONNX schemas; strongly typed networks convert nothing)."""
    import onnx

    for node in graph.nodes:
        own = node.domain in {"", "ai.onnx"} and onnx.defs.has(node.op_type)
        if not own or any(True for _ in inner_nodes(node)):
            continue
        formals = onnx.defs.get_schema(node.op_type, graph.opset).inputs
        kinds: dict[str, set[int]] = {}
        for i, name in enumerate(node.input):
            if name and graph.element(name):
                kinds.setdefault(formals[min(i, len(formals) - 1)].type_str, set()).add(graph.element(name))
        for found in kinds.values():
            if len(found) > 1:
                yield Place(name_of(graph, node), "inputs of one type", " and ".join(sorted(map(_type_name, found))))


def types_the_gpu_lacks(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """Tensors are of types that the GPU computes (`gpu.precisions`): fp8 needs compute capability 8.9, Orin has 8.7."""
    from onnx import TensorProto

    needed: dict[str, set[int]] = {
        "fp16": {TensorProto.FLOAT16},
        "bf16": {TensorProto.BFLOAT16},
        "fp8": {TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2},
        "fp4": {getattr(TensorProto, "FLOAT4E2M1", -1)},
    }
    gpu = profile.gpu
    for precision, elements in needed.items():
        count = sum(graph.element(name) in elements for name in _tensors(graph))
        if count and gpu is not None and precision not in gpu.precisions:
            yield Place("model", f"types that {gpu.name} computes", f"{count} tensors of {precision}")


def unsigned_tensors(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """uint8 is an input or output only, from version 8.5 on (operators.md; changelog of 8.5: "UINT8 I/O types")."""
    from onnx import TensorProto

    if profile.system.tensorrt_version < (8, 5):
        for name in graph.inputs:
            if graph.element(name) == TensorProto.UINT8:
                yield Place(name, "an input in float32", f"uint8 on TensorRT {profile.system.tensorrt}")
    for node in graph.nodes:
        read = [name for name in node.input if graph.element(name) == TensorProto.UINT8 and name in graph.inputs]
        if read and node.op_type != "Cast":
            yield Place(name_of(graph, node), "a Cast behind a uint8 input", node.op_type)


def operators_without_importer(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """The parser of this version imports the operator (operators.md and Changelog.md of onnx-tensorrt)."""
    version = profile.system.tensorrt_version
    counts = Counter((node.domain, node.op_type) for node in graph.nodes)
    for (domain, op), count in counts.items():
        foreign = domain not in {"", "ai.onnx"}
        if foreign or op in NEVER or SINCE.get(op, (0,)) > version:
            name = f"{domain}.{op}" if foreign else op
            wanted = f"an operator that TensorRT {profile.system.tensorrt} imports"
            yield Place(name, wanted, f"{count} of it", _ELSEWHERE)


def forms_without_importer(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """The operator has a form that the parser imports (operators.md, "Restrictions")."""
    for node in graph.nodes:
        form = unsupported_form(node)
        if form:
            yield Place(name_of(graph, node), f"a {node.op_type} that TensorRT imports", form, _ELSEWHERE)


def control_flow(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Branches and loops are not fused across, and onnxruntime gives their bodies to an engine of their own, if any."""
    for node in graph.nodes:
        if node.op_type in CONTROL_FLOW:
            yield Place(name_of(graph, node), "no branches and loops", node.op_type, "export a model without it")


def shapes_from_values(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Sizes do not depend on values: onnxruntime keeps NonMaxSuppression and such off TensorRT (its issue 17434)."""
    for node in graph.nodes:
        if node.op_type in SHAPE_FROM_VALUES:
            hint = "export without the last steps: boxes are chosen on the CPU"
            yield Place(name_of(graph, node), "sizes that do not depend on values", node.op_type, hint)


def free_sizes(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """Sizes are fixed: a free one wants an optimization profile, and an engine is built again for each new range."""
    for value in graph.model.graph.input:
        shape = value.type.tensor_type.shape
        free = [axis for axis, dim in enumerate(shape.dim) if not dim.dim_value]
        if free and value.name not in graph.constants:
            hint = "fix it, or set trt_profile_min_shapes, opt and max in the profile"
            yield Place(value.name, "fixed sizes", f"axis {free[0]} free", hint)


def doubles(graph: Graph, _profile: DeviceProfile) -> Iterator[Place]:
    """There is no float64: it is cast to float32 and clamped (operators.md)."""
    from onnx import TensorProto

    count = sum(graph.element(name) == TensorProto.DOUBLE for name in _tensors(graph))
    if count:
        yield Place("model", "no float64", f"{count} tensors", "export it in float32")


def wide_integers(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """Before version 9, int64 is clamped to int32 (Changelog.md of 9.0); the end of a Slice means "all" either way."""
    if profile.system.tensorrt_version >= (9,):
        return
    for name, values in graph.constants.items():
        if values.dtype == np.int64 and values.size:
            inner = values[(values != _INT64.max) & (np.abs(values) < _INT64.max)]
            if inner.size and (inner.max() > _INT32.max or inner.min() < _INT32.min):
                yield Place(name, "integers within int32", str(int(inner[np.argmax(np.abs(inner))])))


def float32_layers(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """From version 11 on, float32 in the file is computed in float32 (migration guide to 11: no FP16 flag)."""
    if profile.system.tensorrt_version < (11,):
        return
    layers = [n for n in graph.nodes if n.op_type in LAYER_OPS | {"ConvTranspose"} and graph.is_float(n.output[0])]
    if layers:
        got = f"{len(layers)} layers in float32, such as {name_of(graph, layers[0])}"
        yield Place("model", "layers in int8 or float16", got, "take the fp16 or tensorrt-int8-typed variant")


def dla_of_the_version(_graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """TensorRT 10.7 was the last with a DLA, 11.4.1 has that of AGX Orin again (its guide, "Working with DLA")."""
    version = profile.system.tensorrt_version
    if _wants_dla(profile) and version[:2] > _LAST_DLA and version < _DLA_AGAIN:
        yield Place("trt_dla_enable", "TensorRT up to 10.7 or from 11.4.1", str(profile.system.tensorrt))


def operators_off_the_dla(graph: Graph, profile: DeviceProfile) -> Iterator[Place]:
    """What the DLA does not compute goes to the GPU without a word, Q/DQ pairs too (Deep-Learning-Accelerator-SW)."""
    if not _wants_dla(profile):
        return
    for op, count in Counter(node.op_type for node in graph.nodes if node.op_type not in ON_DLA | {"Cast"}).items():
        yield Place(op, "an operator of the DLA", f"{count} on the GPU")


def _wants_dla(profile: DeviceProfile) -> bool:
    return any(provider.options.get("trt_dla_enable") == "True" for provider in profile.providers)


def _tensors(graph: Graph) -> tuple[str, ...]:
    return (*graph.inputs, *graph.constants, *graph.producer)


def _type_name(element: int) -> str:
    from onnx import helper

    return str(np.dtype(helper.tensor_dtype_to_np_dtype(element)).name)
