"""A ReLU or Clip behind what only moves values goes before it, next to the layer whose range can stand for it.

A clamp keeps the order of values, so it may be taken before a maximum is, or before values change places.
"""

from __future__ import annotations

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement, only_reader
from edge_sdk.quantize.saturation import CLAMPS

_MOVES = frozenset({"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze"})
_LAYERS = frozenset({"Conv", "Gemm", "MatMul", "Add"})


def clamp_before_moves(graph: Graph, node: Node) -> Replacement | None:
    """Return a clamp and what it stood behind, where that leads to the result of a layer that nobody else reads."""
    import onnx
    from onnx import helper

    moves = _moves_before(graph, node)
    source = graph.producer.get(moves[0].input[0]) if moves else None
    if source is None or source.op_type not in _LAYERS or not only_reader(graph, moves[0].input[0]):
        return None
    clamped = f"{node.output[0]}_before"
    nodes = [helper.make_node(node.op_type, [moves[0].input[0], *node.input[1:]], [clamped], node.name)]
    for move in moves:
        copy = onnx.NodeProto()
        copy.CopyFrom(move)
        copy.input[0] = clamped
        clamped = copy.output[0] = f"{move.output[0]}_clamped"
        nodes.append(copy)
    nodes[-1].output[0] = node.output[0]
    return Replacement(tuple(nodes))


def _moves_before(graph: Graph, clamp: Node) -> list[Node]:
    """Return the operators between a clamp and the first one before it that computes, in the order of execution."""
    moves: list[Node] = []
    tensor = clamp.input[0] if clamp.op_type in CLAMPS else ""
    while tensor and only_reader(graph, tensor):
        maker = graph.producer.get(tensor)
        if maker is None or maker.op_type not in _MOVES or len([name for name in maker.output if name]) > 1:
            break
        moves.insert(0, maker)
        tensor = maker.input[0]
    return moves
