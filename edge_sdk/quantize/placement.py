"""Where the integers are: which operators compute in int8, and which tensors carry a Q/DQ pair for it.

Pure: a graph and a choice of layers in, a placement out. What differs between families:

- `arm-int8` and `x86-int8` follow what onnxruntime's CPU kernels fuse (measured, see docs/decisions): an operator is
  an integer kernel only if its inputs *and* its output carry Q/DQ, and a ReLU or Clip vanishes into the range of the
  output, or has a stand-in (`edge_sdk.quantize.saturation`). Operators that have no integer kernel stay float, with no
  Q/DQ pair around them; what follows the last layer stays float.
- `tensorrt-int8` follows TensorRT's explicit quantization: only the inputs of weighted operators carry Q/DQ, not those
  of layers that do not fill a tensor core, and the shortcut of a residual sum, so that convolution, sum and ReLU fuse.
  What goes into a Concat takes the range of its result: then the Concat is a place in memory and no operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_sdk.quantize.decodes import REASON as DECODING
from edge_sdk.quantize.decodes import decoding_layers
from edge_sdk.quantize.graph import Graph, Node, attributes, weighted_layers
from edge_sdk.quantize.saturation import CLAMPS, saturating_form, starts_at_zero
from edge_sdk.quantize.tensor_cores import slow_on_tensor_cores
from edge_sdk.quantize.weights import bias_by_channel, channel_axis

_INTEGER = frozenset({"Add", "Mul", "AveragePool", "GlobalAveragePool", "Sigmoid", "LeakyRelu", "Concat"})
RETURNED = "returned to float by the accuracy guard"
SAME_RANGE = frozenset(
    {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Resize"}
    | {"ReduceMax", "Expand", "Tile"}
)
"""Operators that move values: onnxruntime does them on the integers themselves where scale and zero point are alike."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the integers are.

    Attributes:
        layers: Names of the weighted operators in int8.
        integer: Names of all operators in int8, the layers among them.
        tensors: Tensors that carry a Q/DQ pair, in the order of execution.
        same_range: Tensors that take scale and zero point of another: result -> source.
        absorbed: Results of the ReLUs and Clips that a range stands for: result -> what it clamps.
        readers: For a tensor that only some readers take quantized: their names; others read the float tensor.
        results: Tensors that integer operators make: all their readers read what the integers hold.
        reasons: Why an operator that is not in int8 is not, by its name.
    """

    layers: frozenset[str]
    integer: frozenset[str]
    tensors: tuple[str, ...]
    same_range: Mapping[str, str]
    absorbed: Mapping[str, str]
    readers: Mapping[str, frozenset[str]]
    results: frozenset[str]
    reasons: Mapping[str, str]

    def reads_pair(self, tensor: str, node: Node) -> bool:
        """Tell whether an operator reads a tensor that carries a Q/DQ pair behind it."""
        if tensor in self.readers:
            return node.name in self.readers[tensor]
        return tensor in self.results or node.name in self.integer


def place_cpu(graph: Graph, excluded: Iterable[str] = ()) -> Placement:
    """Place int8 for onnxruntime's CPU kernels.

    Args:
        graph: A cleaned graph.
        excluded: Names of operators that stay float, layers or others.
    """
    reasons: dict[str, str] = {name: RETURNED for name in excluded}
    clamps = _clamps_for_a_range(graph)
    decode = decoding_layers(graph, lambda node: _capable(graph, node) or node.output[0] in clamps, SAME_RANGE)
    reasons.update({name: reasons.get(name, DECODING) for name in decode})
    layers = frozenset(
        node.name for node in weighted_layers(graph) if node.name not in reasons and not _refused(graph, node, reasons)
    )
    integer = layers | _between(graph, layers, clamps, reasons)
    clamped = {raw: result for result, raw in clamps.items()}
    tensors: dict[str, None] = {}
    same_range: dict[str, str] = {}
    for node in graph.nodes:
        if node.name not in integer:
            continue
        tensors.update(dict.fromkeys(graph.activations(node)))
        for output in filter(None, node.output):
            if node.op_type in SAME_RANGE:
                same_range[output] = node.input[0]
            if not _may_end_in_float(graph, node, integer):
                tensors[clamped.get(output, output)] = None
    makers = {name: node for name, node in graph.producer.items() if node.name in integer}
    absorbed = {result: raw for result, raw in clamps.items() if result in tensors and raw in {*makers, *graph.inputs}}
    results = frozenset(makers) | absorbed.keys()
    return Placement(layers, integer, tuple(tensors), same_range, absorbed, {}, results, reasons)


def place_tensorrt(graph: Graph, excluded: Iterable[str] = ()) -> Placement:
    """Place int8 for TensorRT's explicit quantization.

    Args:
        graph: A cleaned graph.
        excluded: Names of layers that stay float.
    """
    reasons: dict[str, str] = {name: RETURNED for name in excluded}
    layers: set[str] = set()
    readers: dict[str, set[str]] = {}
    for node in weighted_layers(graph):
        reason = reasons.get(node.name) or slow_on_tensor_cores(graph, node)
        if reason:
            reasons[node.name] = reason
            continue
        layers.add(node.name)
        readers.setdefault(node.input[0], set()).add(node.name)
    for node in graph.nodes:
        shortcut = _shortcut(graph, node, layers)
        if shortcut:
            readers.setdefault(shortcut, set()).add(node.name)
    order = [name for node in graph.nodes for name in node.input if name in readers]
    frozen = {name: frozenset(names) for name, names in readers.items()}
    joined = _joined(graph, frozen)
    return Placement(
        frozenset(layers), frozenset(layers), tuple(dict.fromkeys(order)), joined, {}, frozen, frozenset(), reasons
    )


def _joined(graph: Graph, readers: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Return the quantized inputs of each Concat whose result is quantized: input -> result."""
    joints = [node for node in graph.nodes if node.op_type == "Concat" and node.output[0] in readers]
    return {name: node.output[0] for node in joints for name in node.input if name in readers}


def _refused(graph: Graph, node: Node, reasons: dict[str, str]) -> bool:
    """Tell whether a weighted operator has no integer kernel on the CPU, and write down why."""
    facts = attributes(node)
    weight = graph.constants.get(node.input[1])
    if node.op_type != "MatMul" and weight is None:
        reasons[node.name] = "its weights are computed at run time"
    elif node.op_type == "Gemm" and (
        facts.get("transA", 0) or facts.get("alpha", 1.0) != 1 or facts.get("beta", 1.0) != 1
    ):
        reasons[node.name] = "Gemm with transA, alpha or beta has no integer kernel"
    elif weight is not None and weight.ndim < 2:
        reasons[node.name] = "a product with a vector has no integer kernel"
    elif weight is not None and not _has_plain_bias(graph, node, weight.shape[channel_axis(node, weight)]):
        reasons[node.name] = "its bias is not one constant a channel"
    return node.name in reasons


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


def _between(
    graph: Graph, layers: frozenset[str], clamps: Mapping[str, str], reasons: dict[str, str]
) -> frozenset[str]:
    """Return the operators that stand between int8 layers (or the input and a layer) and have an integer kernel."""
    capable = {node.name for node in graph.nodes if node.name not in reasons and _capable(graph, node)}

    def makers(node: Node) -> list[Node | None]:
        return [graph.producer.get(clamps.get(name, name)) for name in graph.activations(node)]

    after: set[str] = set(layers)
    for node in graph.nodes:
        if node.name in capable:
            arrives = [maker is None or maker.name in after for maker in makers(node)]
            if arrives[0] if node.op_type in SAME_RANGE else any(arrives):
                after.add(node.name)
    before: set[str] = set(layers)
    for node in reversed(graph.nodes):
        if node.name in before:
            before.update(s.name for s in makers(node) if s is not None and (s.name in capable or s.name in layers))
    found = frozenset(after & before & capable)
    outside = [node for node in graph.nodes if node.name not in found | layers | reasons.keys()]
    reasons.update({node.name: _why_float(node, capable, after) for node in outside})
    return found


def _capable(graph: Graph, node: Node) -> bool:
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


def _why_float(node: Node, capable: set[str], after: set[str]) -> str:
    if node.name not in capable:
        return f"{node.op_type} has no integer kernel in onnxruntime"
    return "no int8 operator takes its result" if node.name in after else "what it takes is not in int8"


def _may_end_in_float(graph: Graph, node: Node, integer: frozenset[str]) -> bool:
    """Tell whether a matrix product may give float results: nobody needs int8, and onnxruntime has a kernel for it.

    It has none before a ReLU or Clip.
    """
    readers = graph.consumers[node.output[0]]
    needed = any(reader.name in integer or reader.op_type in CLAMPS for reader in readers)
    return node.op_type in {"Gemm", "MatMul"} and not needed


def _shortcut(graph: Graph, node: Node, layers: set[str]) -> str:
    """Return the input of a residual sum that is not made by the int8 convolution that fuses with it; empty if none."""
    if node.op_type != "Add" or any(name in graph.constants for name in node.input):
        return ""
    for own, other in (node.input, tuple(reversed(node.input))):
        maker = graph.producer.get(own)
        if maker is not None and maker.op_type == "Conv" and maker.name in layers and len(graph.consumers[own]) == 1:
            return str(other)
    return ""
