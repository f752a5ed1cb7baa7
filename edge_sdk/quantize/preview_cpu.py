"""What onnxruntime will execute on a board's CPU.

onnxruntime itself optimizes the model as it would on ARM, and the result is read back: what is an integer kernel there
will be one on the board with the same onnxruntime.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.blockwise import BLOCK_KERNELS, INT8_ROWS
from edge_sdk.quantize.board_plan import PAIRS, Island, PlanPreview
from edge_sdk.quantize.cpu_kernels import SAME_RANGE
from edge_sdk.quantize.emit import SHIELD
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Model, Node, attributes, is_dequantized
from edge_sdk.session import runtime_version, save_plan

_INTEGER_LAYERS = frozenset(
    {"QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "ConvInteger", "MatMulInteger", "QAttention"}
    | {"DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
)
_ROUNDING = PAIRS | {"DynamicQuantizeLinear"}
_FREE = frozenset({"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
_MOVES = SAME_RANGE | _FREE | {"NhwcMaxPool"}
_FLOAT_LAYERS = LAYER_OPS | {"FusedConv", "FusedMatMul", "FusedGemm", "ConvTranspose"}


def preview_cpu(graph: Graph, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what onnxruntime will execute of a model on the board's CPU; see `preview_plan`."""
    plan = _optimized(graph.model, profile)
    macs = {node.name: graph.macs(node) for node in graph.nodes if graph.macs(node)}
    total = sum(macs.values())
    own = {node.name: node for node in graph.nodes}
    executed = [(node, _source(node, graph, own)) for node in plan.graph.node]
    layers = _integer_layers(plan.graph.node, profile)
    integer = sum(macs.get(name, 0) for node, name in executed if node.op_type in layers)
    followed, floats = _followed_by_integers(plan.graph.node, layers), _float_nodes(plan.graph.node, layers)
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
        pairs=sum(counts[op] for op in _ROUNDING),
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


def _integer_layers(nodes: Sequence[Any], profile: DeviceProfile) -> frozenset[str]:
    """Return the types of the layers that compute in integers on a board.

    MatMulNBits does where it may round its rows to int8, and the processor has a kernel for that; else it is a way to
    store weights.
    """
    blocks = [attributes(node) for node in nodes if node.op_type == "MatMulNBits"]
    rounds = all(facts.get("accuracy_level", 0) == INT8_ROWS for facts in blocks)
    if not rounds or profile.cpu.features.isdisjoint(BLOCK_KERNELS):
        return _INTEGER_LAYERS
    return _INTEGER_LAYERS | {"MatMulNBits"}


def _float_nodes(nodes: Sequence[Any], layers: frozenset[str]) -> set[str]:
    """Return the names of the nodes that compute in float, or move values in float."""
    integers: set[str] = set()
    found: set[str] = set()
    for node in nodes:
        moves = node.op_type in _MOVES and node.input[0] in integers
        if moves or node.op_type == "QuantizeLinear" or node.op_type.startswith("QLinear"):
            integers.update(node.output)
        elif node.op_type not in layers | _ROUNDING | _FREE:
            found.add(node.name)
    return found


def _is_told(graph: Graph, source: Node | None) -> bool:
    """Tell whether an operator is one of the float model's that gives float values."""
    return source is None or (not source.name.endswith(SHIELD) and any(map(graph.is_float, source.output)))


def _followed_by_integers(nodes: Sequence[Any], layers: frozenset[str]) -> set[str]:
    """Return the names of the nodes from whose results an integer operator is reached."""
    wanted: set[str] = set()
    found: set[str] = set()
    for node in reversed(nodes):
        integer = node.op_type in layers or node.op_type.startswith("QLinear")
        if any(output in wanted for output in node.output):
            found.add(node.name)
            wanted.update(node.input)
        elif integer:
            wanted.update(node.input)
    return found


def _reason(graph: Graph, node: Node, name: str, reasons: Mapping[str, str]) -> str:
    if name in reasons:
        return reasons[name]
    if node.op_type == "MatMulNBits":
        return f"its weights are stored in {attributes(node)['bits']} bits; this CPU computes with them in float"
    if node.op_type not in _FLOAT_LAYERS:
        return f"{node.op_type} has no integer kernel in onnxruntime"
    layer = next((other for other in graph.nodes if other.name == name), None)
    return _why_layer_is_float(graph, layer) if layer is not None else "not quantized in the model"


def _why_layer_is_float(graph: Graph, layer: Node) -> str:
    if layer.op_type not in LAYER_OPS:
        return f"{layer.op_type} has no integer kernel in onnxruntime"
    if not is_dequantized(graph, layer.input[0]):
        return "its input is not quantized"
    if not is_dequantized(graph, layer.input[1]):
        return "its weights are not quantized"
    readers = graph.consumers[layer.output[0]]
    clamp = readers[0] if len(readers) == 1 and readers[0].op_type in {"Relu", "Clip"} else None
    if clamp is not None:
        readers = graph.consumers[clamp.output[0]]
    if not any(reader.op_type == "QuantizeLinear" for reader in readers):
        return "its result is not quantized"
    return f"its {clamp.op_type} does not vanish into the range of the result (zero point)" if clamp else "not fused"
