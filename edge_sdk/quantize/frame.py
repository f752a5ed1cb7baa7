"""The camera's frame in an int8 model: it has its steps already, 0 to 255, so nothing is chosen and nothing is rounded.

In the float graph the bytes are cast to float, and a whole number is subtracted. The emission writes a Q/DQ pair behind
that; with a scale of 1 and that number as zero point, Cast, Sub and QuantizeLinear together give back the bytes, or the
bytes less 128, and are written as that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_sdk.quantize.graph import Graph, Model, Node, attributes, drop_unread
from edge_sdk.quantize.ranges import LOWEST, Quant


@dataclass(frozen=True, slots=True)
class _Frame:
    """Bytes in float.

    Attributes:
        source: The tensor of uint8.
        zero: The whole number that is subtracted, 0 to 255.
        nodes: Names of the operators from the one to the other.
    """

    source: str
    zero: int
    nodes: frozenset[str]


def keep_steps(graph: Graph, quants: Mapping[str, Quant]) -> dict[str, Quant]:
    """Return the scales and zero points, those of bytes in float by their own steps."""
    frames = {name: _frame(graph, name) for name in quants}
    return {
        name: quant if (frame := frames[name]) is None else Quant(1.0, LOWEST + frame.zero)
        for name, quant in quants.items()
    }


def store_bytes(model: Model) -> Model:
    """Return an emitted model that takes bytes as they are, where it made floats of them and quantized those.

    Args:
        model: What the emission gave with the quants of `keep_steps`; it may be changed.
    """
    import onnx

    graph = Graph(onnx.shape_inference.infer_shapes(model))
    frames = {node.output[0]: frame for node in graph.nodes if (frame := _stored_frame(graph, node)) is not None}
    vanishing = {name for frame in frames.values() for name in frame.nodes}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.output[0] in frames:
            nodes.extend(_stored(model, graph, frames[node.output[0]], node))
        elif node.name not in vanishing:
            nodes.append(node)
    if frames:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        drop_unread(model)
    return model


def _frame(graph: Graph, tensor: str) -> _Frame | None:
    """Return the bytes that a float tensor is; None if it is something else."""
    maker = graph.producer.get(tensor)
    if maker is None:
        return None
    if maker.op_type == "Cast":
        return _Frame(maker.input[0], 0, frozenset({maker.name})) if _casts_bytes(graph, maker) else None
    number = graph.constants.get(maker.input[1]) if maker.op_type == "Sub" else None
    inner = _frame(graph, maker.input[0])
    if number is None or inner is None or number.size != 1 or inner.zero:
        return None
    zero = float(number.reshape(-1)[0])
    whole = zero == int(zero) and 0 <= zero <= 255
    return _Frame(inner.source, int(zero), inner.nodes | {maker.name}) if whole else None


def _casts_bytes(graph: Graph, node: Node) -> bool:
    from onnx import TensorProto

    return bool(graph.is_bytes(node.input[0]) and attributes(node)["to"] == TensorProto.FLOAT)


def _stored_frame(graph: Graph, node: Node) -> _Frame | None:
    """Return the frame whose bytes a QuantizeLinear gives back; None if it changes them, or others need floats."""
    frame = _frame(graph, node.input[0]) if node.op_type == "QuantizeLinear" else None
    if frame is None:
        return None
    scale, zero = (graph.constants[name] for name in node.input[1:3])
    same = (scale == 1).all() and (zero == np.iinfo(zero.dtype).min + frame.zero).all()
    makers = [maker for maker in graph.nodes if maker.name in frame.nodes]
    alone = all(len(graph.consumers[maker.output[0]]) == 1 for maker in makers)
    return frame if same and alone else None


def _stored(model: Model, graph: Graph, frame: _Frame, quantizer: Node) -> list[Node]:
    """Return what gives the bytes as the model stores them; int8 is 128 lower, by a sum of bytes that runs over."""
    from onnx import TensorProto, helper, numpy_helper

    name = quantizer.output[0]
    if graph.constants[quantizer.input[2]].dtype == np.uint8:
        return [helper.make_node("Identity", [frame.source], [name], graph.fresh("frame"))]
    half, shifted = (graph.fresh(f"{name}_{part}") for part in ("half", "shifted"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(-LOWEST, np.uint8), half))
    return [
        helper.make_node("Add", [frame.source, half], [shifted], graph.fresh("frame_sum")),
        helper.make_node("Cast", [shifted], [name], graph.fresh("frame"), to=TensorProto.INT8),
    ]
