"""What a board will execute, told on any machine before anything is flashed.

- CPU families: `edge_sdk.quantize.preview_cpu`; GPU families: `edge_sdk.quantize.preview_tensorrt`.
- Work is counted in multiply-accumulates of the layers that have weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.board_plan import PlanPreview
from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.preview_cpu import preview_cpu
from edge_sdk.quantize.preview_tensorrt import preview_tensorrt


def preview_plan(model: Model, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what the board will execute of a model.

    Args:
        model: The model, static and with named nodes.
        profile: The board.
        family: The variant family that the model is of.
        reasons: Why operators were left in float when the model was quantized, by name; empty if unknown.
    """
    graph = Graph(model)
    if profile.gpu is not None and "TensorrtExecutionProvider" in [provider.name for provider in profile.providers]:
        return preview_tensorrt(graph, profile, family, reasons)
    return preview_cpu(graph, profile, family, reasons)


def preview_bytes(model: bytes, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what the board will execute of a serialized model; see `preview_plan`."""
    import onnx

    return preview_plan(onnx.shape_inference.infer_shapes(onnx.load_from_string(model)), profile, family, reasons)
