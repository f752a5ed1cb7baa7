"""What TensorRT will execute on a board's GPU.

TensorRT cannot run here; the preview applies its published rules (explicit quantization) to the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.board_plan import PAIRS, Island, PlanPreview
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node, is_dequantized
from edge_sdk.quantize.tensor_cores import slow_on_tensor_cores
from edge_sdk.quantize.tensorrt_rules import check_rules


def preview_tensorrt(graph: Graph, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what TensorRT will execute of a model on the board's GPU; see `preview_plan`."""
    from onnx import TensorProto

    macs = {node.name: graph.macs(node) for node in graph.nodes if graph.macs(node)}
    total = max(sum(macs.values()), 1)
    working = [node for node in graph.nodes if node.name in macs]
    layers = [node for node in working if node.op_type in LAYER_OPS]
    integer = {node.name for node in layers if all(is_dequantized(graph, name) for name in node.input[:2])}
    half = [
        node for node in working if graph.element(node.output[0]) == TensorProto.FLOAT16 and node.name not in integer
    ]
    best = integer if integer else {node.name for node in half}
    islands = [
        Island(node.name, node.op_type, macs[node.name] / total, False, _why_not_int8(graph, node, reasons))
        for node in working
        if node.name not in best
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
        pairs=sum(counts[op] for op in PAIRS),
        transposes=counts["Transpose"],
        half_share=sum(macs[node.name] for node in half) / total,
        findings=check_rules(graph, profile),
    )


def _why_not_int8(graph: Graph, node: Node, reasons: Mapping[str, str]) -> str:
    if node.name in reasons:
        return reasons[node.name]
    if node.op_type not in LAYER_OPS:
        return f"{node.op_type} is not quantized for TensorRT"
    return slow_on_tensor_cores(graph, node) or "its input or weights are not quantized"
