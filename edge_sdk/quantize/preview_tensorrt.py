"""What TensorRT will execute on a board's GPU.

TensorRT cannot run here; the preview applies its published rules (explicit quantization) to the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.board_plan import PAIRS, Island, PlanPreview
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node, is_dequantized
from edge_sdk.quantize.placement import slow_on_tensor_cores


def preview_tensorrt(graph: Graph, profile: DeviceProfile, family: str, reasons: Mapping[str, str]) -> PlanPreview:
    """Return what TensorRT will execute of a model on the board's GPU; see `preview_plan`."""
    macs = {node.name: graph.macs(node) for node in graph.nodes if graph.macs(node)}
    total = max(sum(macs.values()), 1)
    working = [node for node in graph.nodes if node.name in macs]
    layers = [node for node in working if node.op_type in LAYER_OPS]
    integer = {node.name for node in layers if all(is_dequantized(graph, name) for name in node.input[:2])}
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
        pairs=sum(counts[op] for op in PAIRS),
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
        if node.op_type not in PAIRS:
            continue
        zero = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
        if zero is not None and (np.any(zero != 0) or zero.dtype == np.uint8):
            found.append(f"{node.name}: expected zero point 0 of int8, got {zero.ravel()[0]} of {zero.dtype}")
        stored = graph.constants.get(node.input[0])
        if stored is not None and stored.dtype == np.int32:
            found.append(f"{node.name}: expected a float bias, got int32 behind DequantizeLinear")
    return found
