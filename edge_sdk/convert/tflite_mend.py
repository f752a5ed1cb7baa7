"""What tf2onnx makes of TFLite files, mended where onnxruntime does not load it.

- Equal scales and weights are shared there, which onnxruntime on x86 refuses: see `own_parameters`.
- The file says of a tensor of unknown shape that it has no axes, and so says the body of a loop: see `free_loops`.
"""

from __future__ import annotations

from typing import Any


def own_parameters(model: Any) -> None:
    """Give each QuantizeLinear and DequantizeLinear its own scale, zero point and weights.

    tf2onnx shares equal ones. onnxruntime on x86 makes unsigned weights of signed ones (`session.x64quantprecision`),
    and refuses a model in which two operators share what it replaces. So the steps of an unrolled recurrent layer get
    copies of their weights.
    """
    import onnx

    _own_dequantizers(model.graph)
    constants = {entry.name: entry for entry in model.graph.initializer}
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if node.op_type not in {"QuantizeLinear", "DequantizeLinear"}:
            continue
        for place, name in enumerate(node.input):
            if name in taken:
                copy = onnx.TensorProto()
                copy.CopyFrom(constants[name])
                copy.name = node.input[place] = f"{name}/{index}"
                model.graph.initializer.append(copy)
            elif name in constants:
                taken.add(name)


def _own_dequantizers(graph: Any) -> None:
    """Give each operator that takes dequantized constants a DequantizeLinear of its own."""
    import onnx

    constants = {entry.name for entry in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "DequantizeLinear" or node.input[0] not in constants:
            continue
        users = [(user, place) for user in graph.node for place, name in enumerate(user.input) if name in node.output]
        for index, (user, place) in enumerate(users[1:]):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = f"{node.name}/{index}"
            copy.output[0] = user.input[place] = f"{node.output[0]}/{index}"
            nodes.append(copy)
    del graph.node[:]
    graph.node.extend(nodes)


def free_loops(graph: Any) -> None:
    """Take from the bodies of loops what they say of variables without axes: onnxruntime finds the true shapes.

    Args:
        graph: The graph of the ONNX model.
    """
    for node in graph.node:
        for body in [attribute.g for attribute in node.attribute if node.op_type == "Loop" and attribute.HasField("g")]:
            del body.value_info[:]
            for entry in (*body.input[2:], *body.output[1:]):  # before them: the count of turns, and whether to go on
                if not entry.type.tensor_type.shape.dim:
                    entry.type.tensor_type.ClearField("shape")
            free_loops(body)
