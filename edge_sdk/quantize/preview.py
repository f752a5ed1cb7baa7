"""What a board will execute, told on any machine before anything is flashed.

- CPU families: onnxruntime itself optimizes the model as it would on ARM, and the result is read back: what is an
  integer kernel there will be one on the board with the same onnxruntime.
- GPU families: TensorRT cannot run here; the preview applies its published rules (explicit quantization) to the graph.
- Work is counted in multiply-accumulates of the layers that have weights.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.emit import SHIELD
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Model, Node
from edge_sdk.quantize.placement import SAME_RANGE, slow_on_tensor_cores
from edge_sdk.session import runtime_version, save_plan

_INTEGER_LAYERS = frozenset(
    {"QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "ConvInteger", "MatMulInteger", "QAttention"}
    | {"DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulNBits"}
)
_PAIRS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FREE = frozenset({"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
_MOVES = SAME_RANGE | _FREE | {"NhwcMaxPool"}
_FLOAT_LAYERS = LAYER_OPS | {"FusedConv", "FusedMatMul", "FusedGemm", "ConvTranspose"}


@dataclass(frozen=True, slots=True)
class Island:
    """An operator in float.

    Attributes:
        name: The operator's name.
        op: Its type.
        work: Its share of the model's multiply-accumulates, 0 to 1.
        inside: Whether integer operators follow it, so that values are converted for it and back.
        reason: Why it is not in integers.
    """

    name: str
    op: str
    work: float
    inside: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What a board will execute.

    Attributes:
        profile: Name of the board's profile.
        family: The variant family.
        method: How this is known.
        macs: Multiply-accumulates of one inference.
        integer_share: Share of them in integer kernels, 0 to 1.
        operators: Count of executed operators by type.
        islands: Operators in float, the largest first.
        pairs: QuantizeLinear and DequantizeLinear that remain.
        transposes: Transposes that remain.
        refusals: What the board's engine would refuse; empty if nothing.
    """

    profile: str
    family: str
    method: str
    macs: int
    integer_share: float
    operators: dict[str, int]
    islands: tuple[Island, ...]
    pairs: int
    transposes: int
    refusals: tuple[str, ...] = ()


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
        return _preview_tensorrt(graph, profile, family, reasons)
    return _preview_cpu(graph, profile, family, reasons)


def preview_bytes(model: bytes, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what the board will execute of a serialized model; see `preview_plan`."""
    import onnx

    return preview_plan(onnx.shape_inference.infer_shapes(onnx.load_from_string(model)), profile, family, reasons)


def _preview_cpu(graph: Graph, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    plan = _optimized(graph.model, profile)
    macs = {node.name: graph.macs(node) for node in graph.nodes if graph.macs(node)}
    total = sum(macs.values())
    own = {node.name: node for node in graph.nodes}
    executed = [(node, _source(node, graph, own)) for node in plan.graph.node]
    integer = sum(macs.get(name, 0) for node, name in executed if node.op_type in _INTEGER_LAYERS)
    followed, floats = _followed_by_integers(plan.graph.node), _float_nodes(plan.graph.node)
    islands = []
    for node, name in executed:
        if node.name in floats and _is_told(graph, own.get(name)):
            work, inside = macs.get(name, 0) / max(total, 1), node.name in followed
            islands.append(Island(name, node.op_type, work, inside, _reason(graph, node, name, reasons)))
    counts = Counter(node.op_type for node in plan.graph.node)
    return PlanPreview(
        profile=profile.name,
        family=family,
        method=f"optimized by onnxruntime {runtime_version()} as for ARM",
        macs=total,
        integer_share=integer / total if total else 0.0,
        operators=dict(sorted(counts.items())),
        islands=tuple(sorted(islands, key=lambda island: (-island.work, not island.inside))),
        pairs=sum(counts[op] for op in _PAIRS),
        transposes=counts["Transpose"],
    )


def _optimized(model: Model, profile: DeviceProfile) -> Model:
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.onnx"
        save_plan(bytes(model.SerializeToString()), plan, where="plan", entries=profile.session)
        return onnx.load(plan)


def _source(node: Node, graph: Graph, own: Mapping[str, Node]) -> str:
    """Return the name of the operator of the model that a node of the plan comes from."""
    name, longer = str(node.name), ""
    while name not in own and name != longer:
        name, longer = re.sub(r"^fused |_token_\d+$|_nchwc$|_quant$|/\w+Fusion/$", "", name), name
    maker = next((graph.producer[output] for output in node.output if output in graph.producer), None)
    return name if name in own or maker is None else str(maker.name)


def _float_nodes(nodes: Sequence[Any]) -> set[str]:
    """Return the names of the nodes that compute in float, or move values in float."""
    integers: set[str] = set()
    found: set[str] = set()
    for node in nodes:
        moves = node.op_type in _MOVES and node.input[0] in integers
        if moves or node.op_type == "QuantizeLinear" or node.op_type.startswith("QLinear"):
            integers.update(node.output)
        elif node.op_type not in _INTEGER_LAYERS | _PAIRS | _FREE:
            found.add(node.name)
    return found


def _is_told(graph: Graph, source: Node | None) -> bool:
    """Tell whether an operator is one of the float model's that gives float values."""
    return source is None or (not source.name.endswith(SHIELD) and any(map(graph.is_float, source.output)))


def _followed_by_integers(nodes: Sequence[Any]) -> set[str]:
    """Return the names of the nodes from whose results an integer operator is reached."""
    wanted: set[str] = set()
    found: set[str] = set()
    for node in reversed(nodes):
        integer = node.op_type in _INTEGER_LAYERS or node.op_type.startswith("QLinear")
        if any(output in wanted for output in node.output):
            found.add(node.name)
            wanted.update(node.input)
        elif integer:
            wanted.update(node.input)
    return found


def _reason(graph: Graph, node: Node, name: str, reasons: Mapping[str, str]) -> str:
    if name in reasons:
        return reasons[name]
    if node.op_type not in _FLOAT_LAYERS:
        return f"{node.op_type} has no integer kernel in onnxruntime"
    layer = next((other for other in graph.nodes if other.name == name), None)
    return _why_layer_is_float(graph, layer) if layer is not None else "not quantized in the model"


def _why_layer_is_float(graph: Graph, layer: Node) -> str:
    if layer.op_type not in LAYER_OPS:
        return f"{layer.op_type} has no integer kernel in onnxruntime"
    if not _dequantized(graph, layer.input[0]):
        return "its input is not quantized"
    if not _dequantized(graph, layer.input[1]):
        return "its weights are not quantized"
    readers = graph.consumers[layer.output[0]]
    clamp = readers[0] if len(readers) == 1 and readers[0].op_type in {"Relu", "Clip"} else None
    if clamp is not None:
        readers = graph.consumers[clamp.output[0]]
    if not any(reader.op_type == "QuantizeLinear" for reader in readers):
        return "its result is not quantized"
    return f"its {clamp.op_type} does not vanish into the range of the result (zero point)" if clamp else "not fused"


def _dequantized(graph: Graph, tensor: str) -> bool:
    maker = graph.producer.get(tensor)
    return maker is not None and maker.op_type == "DequantizeLinear"


def _preview_tensorrt(graph: Graph, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    macs = {node.name: graph.macs(node) for node in graph.nodes if graph.macs(node)}
    total = max(sum(macs.values()), 1)
    working = [node for node in graph.nodes if node.name in macs]
    layers = [node for node in working if node.op_type in LAYER_OPS]
    integer = {node.name for node in layers if all(_dequantized(graph, name) for name in node.input[:2])}
    islands = [
        Island(node.name, node.op_type, macs[node.name] / total, False, _why_not_int8(graph, node, reasons))
        for node in working
        if node.name not in integer
    ]
    counts = Counter(node.op_type for node in graph.nodes)
    return PlanPreview(
        profile=profile.name,
        family=family,
        method="by the rules of TensorRT's explicit quantization; TensorRT was not run",
        macs=sum(macs.values()),
        integer_share=sum(macs[name] for name in integer) / total,
        operators=dict(sorted(counts.items())),
        islands=tuple(sorted(islands, key=lambda island: -island.work)),
        pairs=sum(counts[op] for op in _PAIRS),
        transposes=counts["Transpose"],
        refusals=tuple(_refusals(graph)),
    )


def _why_not_int8(graph: Graph, node: Node, reasons: Mapping[str, str]) -> str:
    if node.name in reasons:
        return reasons[node.name]
    if node.op_type not in LAYER_OPS:
        return f"{node.op_type} is not quantized for TensorRT"
    return slow_on_tensor_cores(graph, node) or "its input or weights are not quantized"


def _refusals(graph: Graph) -> list[str]:
    """Return what TensorRT's parser refuses: zero points other than 0, and int32 behind DequantizeLinear."""
    import numpy as np

    found = []
    for node in graph.nodes:
        if node.op_type not in _PAIRS:
            continue
        zero = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
        if zero is not None and (np.any(zero != 0) or zero.dtype == np.uint8):
            found.append(f"{node.name}: expected zero point 0 of int8, got {zero.ravel()[0]} of {zero.dtype}")
        stored = graph.constants.get(node.input[0])
        if stored is not None and stored.dtype == np.int32:
            found.append(f"{node.name}: expected a float bias, got int32 behind DequantizeLinear")
    return found
