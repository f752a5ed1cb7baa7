"""The families of variants: how each is made, and how what it computes is measured on this machine.

| family | made for | measured here |
|---|---|---|
| fp32 | any board | itself |
| fp16 | GPUs | itself: where onnxruntime has no fp16 kernel it computes rounded values in float32 |
| arm-int8 | onnxruntime on ARM | on x86 as x86-int8: the same steps, 128 higher, from a fast kernel |
| x86-int8 | onnxruntime on x86 | itself; as arm-int8 on ARM |
| tensorrt-int8 | TensorRT | with Q/DQ computed as written, in float, as TensorRT's results are defined |
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from edge_sdk.profiles import DeviceProfile, Family, RangeMethod
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.emit import FORMS, choose_quants, emit_int8
from edge_sdk.quantize.fp16 import emit_fp16
from edge_sdk.quantize.graph import Graph, weighted_layers
from edge_sdk.quantize.placement import Placement, place_cpu, place_tensorrt
from edge_sdk.session import Session, host_config, open_session

_TWINS: Mapping[Family, Mapping[str, Family]] = {
    "arm-int8": {"x86_64": "x86-int8"},
    "x86-int8": {"aarch64": "arm-int8"},
}
_AS_WRITTEN = {"session.disable_quant_qdq": "1"}


def choose(profile: DeviceProfile, graph: Graph) -> Family:
    """Return the best family of a board in which some layer of the model is quantized; else the last one."""
    for family in profile.families:
        if family == "fp16" and weighted_layers(graph):
            return family
        if family in FORMS and place(family, graph).layers:
            return family
    return profile.families[-1]


def place(family: Family, graph: Graph, excluded: Sequence[str] = ()) -> Placement:
    """Return where the integers of a family are; the excluded layers stay float."""
    return place_tensorrt(graph, excluded) if family == "tensorrt-int8" else place_cpu(graph, excluded)


def tensors_to_calibrate(families: Sequence[Family], graph: Graph) -> tuple[str, ...]:
    """Return the tensors whose ranges these families need, whatever the guard returns to float."""
    layers = [node.name for node in weighted_layers(graph)]
    wanted: dict[str, None] = {}
    for family in families:
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
        return bytes(emit_fp16(graph, excluded).SerializeToString())
    form = FORMS[family]
    placement = place(family, graph, excluded)
    calibration = choose_quants(placement, statistics, method=method, symmetric=form.symmetric)
    return bytes(emit_int8(graph, placement, calibration, form).SerializeToString())


def measured_as(family: Family) -> Family:
    """Return the family that stands for this one on this machine: the same numbers from kernels that are fast here."""
    return _TWINS.get(family, {}).get(platform.machine(), family)


def open_measured(family: Family, model: bytes) -> Session:
    """Open a model of a family to measure what it computes."""
    return open_session(model, host_config(_AS_WRITTEN if family == "tensorrt-int8" else None), where=family)
