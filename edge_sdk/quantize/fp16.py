"""From a float graph to the ONNX file of the `fp16` family: float16 inside, float32 inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

from edge_sdk.quantize.graph import Graph, Model, inner_nodes


def emit_fp16(graph: Graph, float_layers: Iterable[str] = ()) -> Model:
    """Return the `fp16` model; the named layers stay float32."""
    import onnx
    from onnxruntime.transformers import float16

    copy = onnx.ModelProto()
    copy.CopyFrom(graph.model)
    blocked = list(float_layers)
    half = float16.convert_float_to_float16(copy, keep_io_types=True, node_block_list=blocked, disable_shape_infer=True)
    _sort(half)
    return half


def _sort(model: Model) -> None:
    """Bring the nodes into the order of execution: the converter writes its casts at the end."""
    nodes = list(model.graph.node)
    maker = {name: i for i, node in enumerate(nodes) for name in node.output}
    reads = {
        i: [maker[name] for reader in (node, *inner_nodes(node)) for name in reader.input if name in maker]
        for i, node in enumerate(nodes)
    }
    del model.graph.node[:]
    model.graph.node.extend(nodes[i] for i in TopologicalSorter(reads).static_order())
