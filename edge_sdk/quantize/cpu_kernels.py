"""What onnxruntime's CPU can do with each operator of a graph in integers, whatever the choice of layers.

A search places integers thousands of times on one graph; what stands here is read from the graph once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_sdk.quantize.decodes import decoding_layers
from edge_sdk.quantize.graph import Graph, Node, attributes, weighted_layers
from edge_sdk.quantize.saturation import CLAMPS, saturating_form, starts_at_zero
from edge_sdk.quantize.weights import bias_by_channel, channel_axis

SAME_RANGE = frozenset(
    {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Resize"}
    | {"ReduceMax", "Expand", "Tile"}
)
"""Operators that move values: onnxruntime does them on the integers themselves where scale and zero point are alike."""
_INTEGER = frozenset({"Add", "Mul", "AveragePool", "GlobalAveragePool", "Sigmoid", "LeakyRelu", "Concat"})


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of a graph.

    Attributes:
        name: Its name.
        kind: Its ONNX type.
        reads: The float tensors that it reads and that are computed at run time.
        source: The first tensor that it reads; empty if it reads none.
        gives: The tensors that it makes.
        makers: For each of `reads` the operator that makes it, or makes what a clamp makes it of; None for an input.
        readers: The operators that read the first tensor that it makes.
        is_capable: Whether it has an integer kernel; not told of weighted layers.
        may_give_float: Whether it is a matrix product, which may give float results where nobody needs int8.
    """

    name: str
    kind: str
    reads: tuple[str, ...]
    source: str
    gives: tuple[str, ...]
    makers: tuple[str | None, ...]
    readers: frozenset[str]
    is_capable: bool
    may_give_float: bool

    @property
    def moves(self) -> bool:
        """Whether it only moves values."""
        return self.kind in SAME_RANGE


@dataclass(frozen=True, slots=True)
class CpuKernels:
    """The operators of a graph.

    Attributes:
        operators: All of them, in the order of execution.
        layers: Names of those with weights, likewise.
        refused: Why a layer has no integer kernel, by its name.
        decoding: Names of the layers of a decode, see `edge_sdk.quantize.decodes`.
        clamps: The ReLUs and Clips that a range can stand for: result -> what it clamps.
        made_by: The operator that makes a tensor.
    """

    operators: tuple[Operator, ...]
    layers: tuple[str, ...]
    refused: Mapping[str, str]
    decoding: frozenset[str]
    clamps: Mapping[str, str]
    made_by: Mapping[str, str]


def cpu_kernels(graph: Graph) -> CpuKernels:
    """Return what a cleaned graph's operators can do; ask by `graph.known(cpu_kernels)`."""
    clamps, layers = _clamps_for_a_range(graph), weighted_layers(graph)
    operators = tuple(_operator(graph, node, clamps) for node in graph.nodes)
    integer = {one.name for one in operators if one.is_capable or clamps.keys() & one.gives[:1]}
    reasons = {node.name: _refusal(graph, node) for node in layers}
    return CpuKernels(
        operators=operators,
        layers=tuple(node.name for node in layers),
        refused={name: reason for name, reason in reasons.items() if reason},
        decoding=decoding_layers(graph, lambda node: node.name in integer, SAME_RANGE),
        clamps=clamps,
        made_by={name: node.name for name, node in graph.producer.items()},
    )


def _operator(graph: Graph, node: Node, clamps: Mapping[str, str]) -> Operator:
    reads = graph.activations(node)
    makers = [graph.producer.get(clamps.get(name, name)) for name in reads]
    readers = graph.consumers[node.output[0]]
    return Operator(
        name=node.name,
        kind=node.op_type,
        reads=reads,
        source=node.input[0] if node.input else "",
        gives=tuple(filter(None, node.output)),
        makers=tuple(None if maker is None else maker.name for maker in makers),
        readers=frozenset(reader.name for reader in readers),
        is_capable=_is_capable(graph, node),
        may_give_float=node.op_type in {"Gemm", "MatMul"} and not any(one.op_type in CLAMPS for one in readers),
    )


def _refusal(graph: Graph, node: Node) -> str:
    """Return why a weighted operator has no integer kernel on the CPU; empty if it has one."""
    facts = attributes(node)
    weight = graph.constants.get(node.input[1])
    if node.op_type != "MatMul" and weight is None:
        return "its weights are computed at run time"
    if node.op_type == "Gemm" and (
        facts.get("transA", 0) or facts.get("alpha", 1.0) != 1 or facts.get("beta", 1.0) != 1
    ):
        return "Gemm with transA, alpha or beta has no integer kernel"
    if weight is not None and weight.ndim < 2:
        return "a product with a vector has no integer kernel"
    if weight is not None and not _has_plain_bias(graph, node, weight.shape[channel_axis(node, weight)]):
        return "its bias is not one constant a channel"
    return ""


def _has_plain_bias(graph: Graph, node: Node, channels: int) -> bool:
    if len(node.input) < 3 or not node.input[2]:
        return True
    return bias_by_channel(graph.constants.get(node.input[2]), channels) is not None


def _clamps_for_a_range(graph: Graph) -> dict[str, str]:
    """Return result -> what it clamps, for each ReLU or Clip that a range can stand for.

    It is the only reader of a result, or reads an input of the model (which onnxruntime 1.23 fails to do by itself).
    """
    found = {}
    for node in graph.nodes:
        if node.op_type not in CLAMPS or not starts_at_zero(graph, node):
            continue
        raw, maker = node.input[0], graph.producer.get(node.input[0])
        alone = len(graph.consumers[raw]) == 1 and raw not in graph.outputs
        if raw in graph.inputs or (maker is not None and alone and maker.op_type not in SAME_RANGE):
            found[node.output[0]] = raw
    return found


def _is_capable(graph: Graph, node: Node) -> bool:
    """Tell whether an operator that is not weighted has an integer kernel."""
    if node.domain not in {"", "ai.onnx"} or not graph.activations(node):
        return False
    if node.op_type == "Resize" and attributes(node).get("mode", b"nearest") != b"nearest":
        return False
    if node.op_type in SAME_RANGE:  # what else they take and give, such as sizes and indices, are no values of theirs
        return graph.activations(node) == (node.input[0],) and all(map(graph.is_float, filter(None, node.output)))
    if node.op_type in {"Add", "Mul"}:
        return all(graph.is_float(name) for name in node.input)
    if node.op_type == "AveragePool" and "dilations" in attributes(node):  # unknown to onnxruntime's integer kernel
        return False
    return node.op_type in _INTEGER or saturating_form(graph, node) is not None
