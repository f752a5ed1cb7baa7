"""The families of variants: how each is made, and how what it computes is measured on this machine.

| family | made for | measured here |
|---|---|---|
| fp32 | any board | itself |
| fp16 | GPUs | itself: where onnxruntime has no fp16 kernel it computes rounded values in float32 |
| arm-int8 | onnxruntime on ARM | on x86 as x86-int8: the same steps, 128 higher, from a fast kernel |
| x86-int8 | onnxruntime on x86 | itself; as arm-int8 on ARM |
| tensorrt-int8 | TensorRT before 11 | with Q/DQ computed as written, in float, as TensorRT's results are defined |
| tensorrt-int8-typed | TensorRT from 10 on | the same, with all else in float16 in the file |
| dynamic-int8 | onnxruntime on any CPU | itself: the ranges are those of each inference |
| weight-int8, weight-int4 | onnxruntime on any CPU | itself |
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.clean import with_opset
from edge_sdk.quantize.emit import FORMS, choose_quants, emit_int8, in_half_steps
from edge_sdk.quantize.fp16 import emit_fp16, growing_tensors, stay_float32
from edge_sdk.quantize.frame import keep_steps, store_bytes
from edge_sdk.quantize.graph import Graph, Model, Node, weighted_layers
from edge_sdk.quantize.placement import RETURNED, Placement, place_cpu, place_tensorrt
from edge_sdk.quantize.replace import replace_layers
from edge_sdk.quantize.substitutes import WITHOUT_RANGES, substituted_layers, substitutes
from edge_sdk.quantize.typed import to_half
from edge_sdk.session import Session, host_config, open_session

_TWINS: Mapping[Family, Mapping[str, Family]] = {
    "arm-int8": {"x86_64": "x86-int8"},
    "x86-int8": {"aarch64": "arm-int8"},
}
TENSORRT: frozenset[Family] = frozenset({"tensorrt-int8", "tensorrt-int8-typed"})
"""The families in int8 for TensorRT."""
IN_INTEGERS: frozenset[Family] = frozenset({*FORMS, "dynamic-int8"})
"""The families that are for computing in integers, not for storing alone."""
FLOAT_CONVOLUTION = "convolutions are in integers with calibrated ranges only"
_AS_WRITTEN = {"session.disable_quant_qdq": "1"}


def takes_pixels(family: Family) -> bool:
    """Tell whether a family computes the first layer in integers: then it may take the pixels of a camera."""
    return family in FORMS and not FORMS[family].symmetric


def place(family: Family, graph: Graph, excluded: Sequence[str] = ()) -> Placement:
    """Return where the integers of a family are; the excluded layers stay float."""
    return place_tensorrt(graph, excluded) if family in TENSORRT else place_cpu(graph, excluded)


def returnable_layers(family: Family, graph: Graph) -> tuple[Node, ...]:
    """Return the layers that the guard may return to float, in the order of execution."""
    replaced = substituted_layers(family, graph)
    if family in WITHOUT_RANGES:
        return replaced
    names = {node.name for node in (*weighted_layers(graph), *replaced)}
    return tuple(node for node in graph.nodes if node.name in names)


def tensors_to_calibrate(families: Sequence[Family], graph: Graph) -> tuple[str, ...]:
    """Return the tensors whose ranges these families need, whatever the guard returns to float."""
    layers = [node.name for node in weighted_layers(graph)]
    wanted: dict[str, None] = {}
    for family in families:
        if in_half(family):
            wanted.update(dict.fromkeys(growing_tensors(graph)))
        if family not in FORMS:
            continue
        everything = place(family, graph)
        wanted.update(dict.fromkeys(everything.tensors))
        wanted.update(dict.fromkeys(everything.same_range.values()))
        for name in layers:
            alone = place(family, graph, [other for other in layers if other != name])
            wanted.update(dict.fromkeys(alone.tensors))
    return tuple(wanted)


def emit(
    family: Family,
    graph: Graph,
    statistics: Mapping[str, Statistics],
    method: RangeMethod,
    excluded: Sequence[str] = (),
) -> bytes:
    """Return the serialized model of a family; the excluded layers stay float32. `auto` is for the caller to decide."""
    if family == "fp32":
        return bytes(graph.model.SerializeToString())
    if family == "fp16":
        return bytes(emit_fp16(graph, stay_float32(graph, statistics, excluded)).SerializeToString())
    if family in WITHOUT_RANGES:
        return bytes(replace_layers(graph.model, substitutes(family, graph, excluded), graph).SerializeToString())
    form = FORMS[family]
    if in_half(family):
        return _emit_typed(family, with_opset(graph, form.least_opset), statistics, method, excluded)
    return bytes(_emit_form(family, graph, statistics, method, excluded).SerializeToString())


def why_float(
    family: Family, graph: Graph, statistics: Mapping[str, Statistics], excluded: Sequence[str] = ()
) -> dict[str, str]:
    """Return why operators are not in the family's fastest numbers, by name."""
    if family in WITHOUT_RANGES:
        convolutions = (node.name for node in graph.nodes if node.op_type == "Conv")
        return {**dict.fromkeys(convolutions, FLOAT_CONVOLUTION), **dict.fromkeys(excluded, RETURNED)}
    placed = dict(place(family, graph, excluded).reasons) if family in FORMS else {}
    if not in_half(family):
        return placed
    return placed | stay_float32(graph, statistics, excluded if family == "fp16" else ())


def in_half(family: Family) -> bool:
    """Tell whether what is not in integers is typed as float16 in the files of a family."""
    return family == "fp16" or (family in FORMS and FORMS[family].scales == "float16")


def _emit_form(
    family: Family,
    graph: Graph,
    statistics: Mapping[str, Statistics],
    method: RangeMethod,
    excluded: Sequence[str],
) -> Model:
    placement = place(family, graph, excluded)
    form = FORMS[family]
    calibration = choose_quants(placement, statistics, method=method, symmetric=form.symmetric)
    if not form.symmetric:
        calibration = replace(calibration, quants=keep_steps(graph, calibration.quants))
    if form.scales == "float16":
        calibration = in_half_steps(calibration)
    model = store_bytes(emit_int8(graph, placement, calibration, form))
    if not substituted_layers(family, graph):
        return model
    return replace_layers(model, substitutes(family, Graph(model), excluded), graph)


def _emit_typed(
    family: Family,
    graph: Graph,
    statistics: Mapping[str, Statistics],
    method: RangeMethod,
    excluded: Sequence[str],
) -> bytes:
    """Return an int8 model typed in float16; what does not fit float16 is neither in it nor in integers."""
    import onnx

    single = stay_float32(graph, statistics)
    model = _emit_form(family, graph, statistics, method, [*excluded, *single])
    typed = to_half(Graph(onnx.shape_inference.infer_shapes(model)), single)
    return bytes(typed.SerializeToString())


def measured_as(family: Family) -> Family:
    """Return the family that stands for this one on this machine: the same numbers from kernels that are fast here."""
    return _TWINS.get(family, {}).get(platform.machine(), family)


def open_measured(family: Family, model: bytes) -> Session:
    """Open a model of a family to measure what it computes."""
    return open_session(model, host_config(_AS_WRITTEN if family in TENSORRT else None), where=family)
