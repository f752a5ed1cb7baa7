"""The `fp16` family: which operators stay in float32, and why; the others compute in float16.

- A value that calibration saw beyond half of float16's range keeps its maker and its readers in float32, and so does a
  tensor of which calibration saw no value that float16 holds with all its bits.
- So does a constant beyond the range, or so small that float16 would lose it: an epsilon that is there to be no zero.
  What divides by it stays with it.
- So does what ONNX has no float16 for, and what has branches or a body.
- Inputs and outputs of the model are float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.cpu_kernels import SAME_RANGE
from edge_sdk.quantize.graph import Graph, Model, Node, inner_nodes
from edge_sdk.quantize.placement import RETURNED
from edge_sdk.quantize.typed import HALF_MAX, has_half, to_half

_MARGIN = 2.0
"""Other samples may go beyond those that calibration saw."""
_LEAST_CONSTANT = 2.0**-20
"""Below it, float16 has fewer than 4 bits of a number."""
_LEAST_FULL = 2.0**-14
"""The least float16 with all its bits."""
_NEVER_GROWS = SAME_RANGE | frozenset(
    {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "Tanh", "Softmax", "HardSwish", "AveragePool", "Concat"}
    | {"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "ReduceMin", "Identity", "DepthToSpace"}
    | {"SpaceToDepth", "Expand", "Tile", "Where", "Dropout", "Max", "Min", "Abs", "Neg"}
)
"""Operators whose result is no larger than what they read, or than 1."""
_OF_AN_EPSILON = frozenset({"Sqrt", "Reciprocal", "Pow", "Div"})


def emit_fp16(graph: Graph, single: Iterable[str] = ()) -> Model:
    """Return the `fp16` model; the named operators stay float32."""
    return to_half(graph, frozenset(single))


def growing_tensors(graph: Graph) -> tuple[str, ...]:
    """Return the float tensors that may hold larger values than what they are made of: those to calibrate."""
    made = [name for node in graph.nodes if node.op_type not in _NEVER_GROWS for name in node.output]
    return tuple(name for name in (*graph.inputs, *made) if name and graph.is_float(name))


def stay_float32(graph: Graph, statistics: Mapping[str, Statistics], excluded: Iterable[str] = ()) -> dict[str, str]:
    """Return which operators stay in float32, with the reason.

    Args:
        graph: A cleaned graph.
        statistics: What calibration saw of the growing tensors; what is not in it is taken to fit.
        excluded: Layers that the guard returned to float.
    """
    reasons = dict.fromkeys(excluded, RETURNED)
    for name, seen in statistics.items():
        largest = max(-seen.histogram.low, seen.histogram.high)
        reason = _of_values(name, largest)
        if reason and graph.is_float(name):
            makers = [graph.producer[name]] if name in graph.producer else []
            reasons |= {node.name: reason for node in (*makers, *_readers(graph, name)) if node.name not in reasons}
    for node in graph.nodes:
        reasons |= {name: reason for name, reason in _of_constants(graph, node) if name not in reasons}
        if not has_half(node, graph.opset) and _computes_in_float(graph, node):
            reasons.setdefault(node.name, f"ONNX has no {node.op_type} in float16 here")
    return reasons


def _of_values(name: str, largest: float) -> str:
    """Return why the largest value of a tensor does not fit float16; empty if it does."""
    if largest * _MARGIN > HALF_MAX:
        return f"{name} reaches {largest:.3g}, too near to float16's greatest of {HALF_MAX:g}"
    if 0 < largest < _LEAST_FULL:
        return f"{name} stays below {largest:.3g}, which float16 holds with few bits"
    return ""


def _readers(graph: Graph, tensor: str) -> Iterator[Node]:
    """Yield what reads a tensor, also through operators that only move its values."""
    for node in graph.consumers[tensor]:
        yield node
        if node.op_type in SAME_RANGE | {"Concat", "Identity"}:
            for name in filter(None, node.output):
                yield from _readers(graph, name)


def _of_constants(graph: Graph, node: Node) -> Iterator[tuple[str, str]]:
    """Yield the operators that stay in float32 for a constant of a node, with the reason."""
    for name in node.input:
        values = graph.constants.get(name)
        if values is None or not values.size or not graph.is_float(name):
            continue
        finite = np.abs(values[np.isfinite(values)])
        largest = float(finite.max()) if finite.size else 0.0
        if largest > HALF_MAX:
            yield node.name, f"its constant of {largest:.3g} is beyond float16's greatest of {HALF_MAX:g}"
        elif 0 < largest < _LEAST_CONSTANT:
            for held in (node, *_after_an_epsilon(graph, node)):
                yield held.name, f"a constant of {largest:.3g} is lost in float16"


def _after_an_epsilon(graph: Graph, node: Node) -> Iterator[Node]:
    """Yield what takes the root or the inverse of a node's result, up to the quotient."""
    for reader in graph.consumers[node.output[0]]:
        if reader.op_type in _OF_AN_EPSILON:
            yield reader
            if reader.op_type != "Div":
                yield from _after_an_epsilon(graph, reader)


def _computes_in_float(graph: Graph, node: Node) -> bool:
    reads = [name for inner in (node, *inner_nodes(node)) for name in (*inner.input, *inner.output)]
    return any(graph.is_float(name) for name in reads if name)
