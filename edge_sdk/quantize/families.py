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
from edge_sdk.quantize.ends import end_in_float
from edge_sdk.quantize.fp16 import emit_fp16, growing_tensors, stay_float32
from edge_sdk.quantize.frame import keep_steps, store_bytes
from edge_sdk.quantize.graph import Graph, Model, Node, weighted_layers
from edge_sdk.quantize.joints import Joint, find_joints, reasons_apart
from edge_sdk.quantize.placement import RETURNED, Placement, place_cpu, place_tensorrt
from edge_sdk.quantize.ranges import Range
from edge_sdk.quantize.recovery import Integers
from edge_sdk.quantize.replace import replace_layers
from edge_sdk.quantize.substitutes import WITHOUT_RANGES, substituted_layers, substitutes
from edge_sdk.quantize.typed import to_half
from edge_sdk.quantize.weights import Layer
from edge_sdk.session import Session, host_config, open_session

Ranges = Mapping[str, Range] | RangeMethod
"""The range of each tensor, or the one way in which the ranges of all tensors are chosen."""

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


def joints(family: Family, graph: Graph, statistics: Mapping[str, Statistics]) -> tuple[Joint, ...]:
    """Return the joints that stay float in a family since one scale would lose a part of them.

    TensorRT needs no search: there nothing carries Q/DQ for a joint's sake, only for a layer's that reads it.
    """
    if family not in FORMS or family in TENSORRT:
        return ()
    return find_joints(graph, place(family, graph), statistics)


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
    ranges: Ranges,
    excluded: Sequence[str] = (),
    *,
    layers: Mapping[str, Layer] | None = None,
) -> bytes:
    """Return the serialized model of a family.

    Args:
        family: The family.
        graph: The float graph.
        statistics: What calibration saw of its tensors.
        ranges: The range of each tensor; or the way to choose it, the same for all (`auto` is for the caller).
        excluded: Layers that stay float32.
        layers: Layers as `reconstruct` returned them for the same choice; others are rounded to the nearest.
    """
    if family == "fp32":
        return bytes(graph.model.SerializeToString())
    if family == "fp16":
        return bytes(emit_fp16(graph, stay_float32(graph, statistics, excluded)).SerializeToString())
    if family in WITHOUT_RANGES:
        return bytes(replace_layers(graph.model, substitutes(family, graph, excluded), graph).SerializeToString())
    written = integers(family, graph, statistics, ranges, excluded)
    calibration = replace(written.calibration, layers=layers or {})
    model = store_bytes(emit_int8(written.graph, written.placement, calibration, written.form))
    if substituted_layers(family, graph):
        model = replace_layers(model, substitutes(family, Graph(model), excluded), graph)
    if in_half(family):
        model = _in_half(model, stay_float32(written.graph, statistics))
    return bytes(model.SerializeToString())


def integers(
    family: Family, graph: Graph, statistics: Mapping[str, Statistics], ranges: Ranges, excluded: Sequence[str] = ()
) -> Integers:
    """Return how a graph is written in a family of integers; see `emit`.

    What float16 does not hold stays out of the integers of a family that is typed in it.
    """
    form = FORMS[family]
    if in_half(family):
        graph = with_opset(graph, form.least_opset)
        excluded = [*excluded, *stay_float32(graph, statistics)]
    placement = _place_apart(family, graph, statistics, excluded)
    if not form.symmetric:
        ended = end_in_float(graph, placement)
        graph = ended.graph
        statistics = {**statistics, **{rows: statistics[source] for rows, source in ended.rows.items()}}
        if not isinstance(ranges, str):
            ranges = {**ranges, **{rows: ranges[source] for rows, source in ended.rows.items()}}
        placement = _place_apart(family, graph, statistics, excluded) if ended.rows else placement
    calibration = choose_quants(placement, statistics, ranges, symmetric=form.symmetric)
    if not form.symmetric:
        calibration = replace(calibration, quants=keep_steps(graph, calibration.quants))
    return Integers(graph, placement, in_half_steps(calibration) if in_half(family) else calibration, form)


def why_float(
    family: Family, graph: Graph, statistics: Mapping[str, Statistics], excluded: Sequence[str] = ()
) -> dict[str, str]:
    """Return why operators are not in the family's fastest numbers, by name."""
    if family in WITHOUT_RANGES:
        convolutions = (node.name for node in graph.nodes if node.op_type == "Conv")
        return {**dict.fromkeys(convolutions, FLOAT_CONVOLUTION), **dict.fromkeys(excluded, RETURNED)}
    placed = dict(_place_apart(family, graph, statistics, excluded).reasons) if family in FORMS else {}
    if not in_half(family):
        return placed
    return placed | stay_float32(graph, statistics, excluded if family == "fp16" else ())


def _place_apart(
    family: Family, graph: Graph, statistics: Mapping[str, Statistics], excluded: Sequence[str]
) -> Placement:
    """Return where the integers of a family are, with the joints in float that lose a part, and why they are."""
    apart = reasons_apart(joints(family, graph, statistics))
    placement = place(family, graph, [*excluded, *apart])
    return replace(placement, reasons={**placement.reasons, **apart})


def in_half(family: Family) -> bool:
    """Tell whether what is not in integers is typed as float16 in the files of a family."""
    return family == "fp16" or (family in FORMS and FORMS[family].scales == "float16")


def _in_half(model: Model, single: Mapping[str, str]) -> Model:
    """Return an int8 model typed in float16; what does not fit float16 is neither in it nor in integers."""
    import onnx

    return to_half(Graph(onnx.shape_inference.infer_shapes(model)), single)


def measured_as(family: Family) -> Family:
    """Return the family that stands for this one on this machine: the same numbers from kernels that are fast here."""
    return _TWINS.get(family, {}).get(platform.machine(), family)


def open_measured(family: Family, model: bytes) -> Session:
    """Open a model of a family to measure what it computes."""
    return open_session(model, host_config(_AS_WRITTEN if family in TENSORRT else None), where=family)
