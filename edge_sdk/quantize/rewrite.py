"""Rewrites of the float graph that compute the same and let more of it run in integers."""

from __future__ import annotations

from typing import Any

from edge_sdk.quantize.graph import LAYER_OPS, Graph, Model, Node, attributes


def heads_to_products(model: Model) -> Model:
    """Return the model with a last 1x1 convolution of a 1x1 picture written as the matrix product that it is.

    A convolution in integers must give integers; a matrix product in integers may give float results. So the scores of
    a classifier are not rounded to 256 steps, at no cost.

    Args:
        model: A cleaned model with static shapes; it is not changed.
    """
    import onnx

    graph = Graph(model)
    heads = {node.name for node in graph.nodes if _is_head(graph, node)}
    if not heads:
        return model
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    nodes = []
    for node in graph.nodes:
        nodes.extend(_product(rewritten, graph, node) if node.name in heads else [node])
    del rewritten.graph.node[:]
    rewritten.graph.node.extend(nodes)
    return onnx.shape_inference.infer_shapes(rewritten, data_prop=True)


def _is_head(graph: Graph, node: Node) -> bool:
    if node.op_type != "Conv" or any(name not in graph.constants for name in node.input[1:] if name):
        return False
    source, result = graph.shapes.get(node.input[0], ()), graph.shapes.get(node.output[0], ())
    weight = graph.constants[node.input[1]]
    single = len(source) > 2 and source[0] == 1 and {*source[2:], *result[2:], *weight.shape[2:]} == {1}
    plain = int(attributes(node).get("group", 1)) == 1 and not any(attributes(node).get("pads", ()))
    return bool(single and plain and len(graph.consumers[node.input[1]]) == 1 and not _layers_after(graph, node))


def _layers_after(graph: Graph, node: Node) -> bool:
    waiting, seen = [node], set()
    while waiting:
        for name in waiting.pop().output:
            for reader in graph.consumers[name]:
                if reader.op_type in LAYER_OPS:
                    return True
                if reader.name not in seen:
                    seen.add(reader.name)
                    waiting.append(reader)
    return False


def _product(model: Model, graph: Graph, node: Node) -> list[Any]:
    import numpy as np
    from onnx import helper, numpy_helper

    weight = graph.constants[node.input[1]]
    stored = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    stored.CopyFrom(numpy_helper.from_array(weight.reshape(weight.shape[:2]), node.input[1]))
    shape = np.array(graph.shapes[node.output[0]], np.int64)
    model.graph.initializer.append(numpy_helper.from_array(shape, f"{node.name}_shape"))
    flat, product = f"{node.name}_flat", f"{node.name}_product"
    return [
        helper.make_node("Flatten", [node.input[0]], [flat], f"{node.name}_flatten"),
        helper.make_node("Gemm", [flat, *node.input[1:]], [product], node.name, transB=1),
        helper.make_node("Reshape", [product, f"{node.name}_shape"], list(node.output), f"{node.name}_reshape"),
    ]
