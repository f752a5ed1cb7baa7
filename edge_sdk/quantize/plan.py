"""The plan of a file: of a package's variant for a board, of a quantized model, or of a float model once quantized."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.package import ModelPackage, open_package
from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize import families
from edge_sdk.quantize.board_plan import PlanPreview, PlanSpeed
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.clean import clean_model, load_model
from edge_sdk.quantize.costs import modelled
from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.placement import RETURNED
from edge_sdk.quantize.preview import preview_bytes, preview_plan
from edge_sdk.quantize.report import REPORT_NAME, QuantReport
from edge_sdk.quantize.scheme import Scheme
from edge_sdk.quantize.variants import choose

_STAND_IN = np.linspace(-1.0, 1.0, 64, dtype=np.float32)


def plan_of_file(
    path: Path,
    profile: DeviceProfile,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    *,
    scheme: Scheme | None = None,
) -> PlanPreview:
    """Return what a board will execute of a package or an ONNX model.

    A float model is shown as it will be once quantized for the board: which operators become integer kernels depends on
    the graph, not on the ranges, so no calibration data is needed.

    Args:
        path: A `.edge` package or an ONNX file.
        profile: The board.
        shapes: Sizes of inputs that are free in the model.
        scheme: How a float model is to be quantized; None decides it by the graph and the board.

    Raises:
        InputError: The file cannot be read, or has no variant for the board, or the board none of the scheme.
        TrustError: The package is not what it claims to be.
    """
    if path.suffix == ".edge":
        package = open_package(path)
        family, model = package.model_for(profile)
        return preview_bytes(model, profile, family, _reasons_told(package, family))
    loaded = load_model(path)
    if any(node.op_type == "QuantizeLinear" for node in loaded.graph.node):
        return preview_plan(_static(loaded), profile, "as it is", {})
    graph = Graph(clean_model(loaded, where=str(path), max_opset=profile.system.max_opset, shapes=shapes))
    family = choose(profile, graph, scheme).family
    statistics = {name: _stand_in(graph, name) for name in families.tensors_to_calibrate([family], graph)}
    model = families.emit(family, graph, statistics, "minmax")
    reasons = families.why_float(family, graph, statistics)
    plan = preview_bytes(model, profile, family, reasons)
    costs = modelled(graph, profile, family)
    return replace(plan, speed=PlanSpeed(costs.of(graph, family), costs.exact, costs.unit, costs.basis))


def _reasons_told(package: ModelPackage, family: str) -> dict[str, str]:
    """Return why operators are in float, as the package's own report tells it; empty if it tells nothing we know."""
    entry = next((entry for entry in package.manifest.files if entry.name == REPORT_NAME), None)
    if entry is None:
        return {}
    try:
        report = records.read(QuantReport, json.loads(package.read(entry)), where=REPORT_NAME, unknown="ignore")
    except (ValueError, RecursionError, InputError):  # of another version, or of another program
        return {}
    variants = [variant for variant in report.variants if variant.family == family]
    islands = [island for variant in variants for plan in variant.plans for island in plan.islands]
    returned = dict.fromkeys((layer.name for variant in variants for layer in variant.returned), RETURNED)
    return {island.name: island.reason for island in islands} | returned


def _stand_in(graph: Graph, tensor: str) -> Statistics:
    """Return statistics with a range that what makes the tensor allows."""
    maker = graph.producer.get(tensor)
    statistics = Statistics()
    statistics.histogram.add(
        np.abs(_STAND_IN) if maker is not None and maker.op_type in {"Relu", "Clip", "HardSigmoid"} else _STAND_IN
    )
    return statistics


def _static(model: Model) -> Model:
    """Return a quantized model with its free batch size fixed and its shapes inferred, otherwise untouched."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].dim_value = 1
    for index, node in enumerate(fixed.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    return onnx.shape_inference.infer_shapes(fixed)
