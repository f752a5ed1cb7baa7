"""A HardSigmoid that an exporter wrote out, `Clip(a * x + b, 0, h) / h`, is recognised as one.

- It is one pass over the values in float, and one saturating sum in integers.
- The division may stand behind a product: `x * Clip(x + 3, 0, 6) / 6`, as HardSwish is often written, in any order.
- Where `h` is 1 there is no division, and the Clip itself is the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.rewrites.replacement import Replacement, only_reader, scalar

_SAME = 1e-6
"""Relative difference of two numbers that an exporter rounded to float32."""


@dataclass(frozen=True, slots=True)
class _Ramp:
    """`Clip(slope * source + offset, 0, height)`."""

    clip: Node
    source: str
    slope: float
    offset: float
    height: float

    def hard_sigmoid(self, result: str) -> Node:
        from onnx import helper

        alpha, beta = self.slope / self.height, self.offset / self.height
        return helper.make_node("HardSigmoid", [self.source], [result], self.clip.name, alpha=alpha, beta=beta)


def clip_to_hard_sigmoid(graph: Graph, node: Node) -> Replacement | None:
    """Return a HardSigmoid, and a product with it where there is one, for a Clip between 0 and the inverse of a factor.

    Runs after divisions have become products.
    """
    if node.op_type == "Clip":
        ramp = _ramp(graph, node)
        return Replacement((ramp.hard_sigmoid(node.output[0]),)) if ramp is not None and ramp.height == 1 else None
    if node.op_type != "Mul" or not graph.is_float(node.output[0]):
        return None
    factors, scale = _factors(graph, node)
    for factor in factors:
        ramp = _ramp_of(graph, factor)
        if ramp is not None and math.isclose(scale * ramp.height, 1, rel_tol=_SAME):
            others = [other for other in factors if other != factor]
            return _product(node, ramp, others) if len(others) == len(factors) - 1 < 2 else None
    return None


def _product(node: Node, ramp: _Ramp, others: list[str]) -> Replacement:
    from onnx import helper

    if not others:
        return Replacement((ramp.hard_sigmoid(node.output[0]),))
    gate = f"{node.output[0]}_gate"
    product = helper.make_node("Mul", [others[0], gate], list(node.output), node.name)
    return Replacement((ramp.hard_sigmoid(gate), product))


def _factors(graph: Graph, node: Node) -> tuple[list[str], float]:
    """Return the tensors that a tree of products multiplies, and the number that its constants make."""
    tensors: list[str] = []
    scale = 1.0
    for name in node.input:
        number, maker = scalar(graph, name), graph.producer.get(name)
        if number is not None:
            scale *= number
        elif maker is not None and maker.op_type == "Mul" and only_reader(graph, name):
            inner, factor = _factors(graph, maker)
            tensors += inner
            scale *= factor
        else:
            tensors.append(name)
    return tensors, scale


def _ramp_of(graph: Graph, tensor: str) -> _Ramp | None:
    maker = graph.producer.get(tensor)
    alone = maker is not None and maker.op_type == "Clip" and only_reader(graph, tensor)
    return _ramp(graph, maker) if alone else None


def _ramp(graph: Graph, clip: Node) -> _Ramp | None:
    bounds = [scalar(graph, name) for name in clip.input[1:]]
    if len(bounds) != 2 or bounds[0] != 0 or not bounds[1] or bounds[1] < 0:
        return None
    linear, offset = _split(graph, clip.input[0], "Add")
    if offset is None:
        return None
    source, slope = _split(graph, linear, "Mul")
    if slope is not None and slope <= 0:
        return None
    return _Ramp(clip, source, 1.0 if slope is None else slope, offset, bounds[1])


def _split(graph: Graph, tensor: str, op_type: str) -> tuple[str, float | None]:
    """Return what a sum or product takes beside a number, and the number; the tensor itself if it is none."""
    maker = graph.producer.get(tensor)
    if maker is None or maker.op_type != op_type:
        return tensor, None
    for own, other in (maker.input, tuple(reversed(maker.input))):
        number = scalar(graph, other)
        if number is not None:
            return own, number
    return tensor, None
