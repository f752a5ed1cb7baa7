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

from edge_sdk.quantize.cpu_kernels import CpuKernels, Operator, cpu_kernels
from edge_sdk.quantize.decodes import REASON as DECODING
from edge_sdk.quantize.graph import Graph, Node, weighted_layers
from edge_sdk.quantize.tensor_cores import slow_on_tensor_cores

RETURNED = "returned to float by the accuracy guard"


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
    kernels = graph.known(cpu_kernels)
    reasons: dict[str, str] = {name: RETURNED for name in excluded}
    reasons.update({name: reasons.get(name, DECODING) for name in kernels.decoding})
    reasons.update({name: why for name, why in kernels.refused.items() if name not in reasons})
    layers = frozenset(name for name in kernels.layers if name not in reasons)
    integer = layers | _between(kernels, layers, reasons)
    clamped = {raw: result for result, raw in kernels.clamps.items()}
    tensors: dict[str, None] = {}
    same_range: dict[str, str] = {}
    for one in kernels.operators:
        if one.name not in integer:
            continue
        tensors.update(dict.fromkeys(one.reads))
        if one.moves:
            same_range.update(dict.fromkeys(one.gives, one.source))
        if not _may_end_in_float(one, integer):
            tensors.update(dict.fromkeys(clamped.get(output, output) for output in one.gives))
    made = {tensor for tensor, maker in kernels.made_by.items() if maker in integer}
    there = made.union(graph.inputs)
    absorbed = {result: raw for result, raw in kernels.clamps.items() if result in tensors and raw in there}
    results = frozenset(made) | absorbed.keys()
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


def _between(kernels: CpuKernels, layers: frozenset[str], reasons: dict[str, str]) -> frozenset[str]:
    """Return the operators that stand between int8 layers (or the input and a layer) and have an integer kernel."""
    capable = {one.name for one in kernels.operators if one.is_capable and one.name not in reasons}
    after: set[str] = set(layers)
    for one in kernels.operators:
        if one.name in capable:
            arrives = [maker is None or maker in after for maker in one.makers]
            if arrives[0] if one.moves else any(arrives):
                after.add(one.name)
    before: set[str] = set(layers)
    for one in reversed(kernels.operators):
        if one.name in before:
            before.update(maker for maker in one.makers if maker is not None and (maker in capable or maker in layers))
    found = frozenset(after & before & capable)
    outside = [one for one in kernels.operators if one.name not in found | layers | reasons.keys()]
    reasons.update({one.name: _why_float(one, capable, after) for one in outside})
    return found


def _why_float(one: Operator, capable: set[str], after: set[str]) -> str:
    if one.name not in capable:
        return f"{one.kind} has no integer kernel in onnxruntime"
    return "no int8 operator takes its result" if one.name in after else "what it takes is not in int8"


def _may_end_in_float(one: Operator, integer: frozenset[str]) -> bool:
    """Tell whether a matrix product may give float results: nobody needs int8, and onnxruntime has a kernel for it.

    It has none before a ReLU or Clip.
    """
    return one.may_give_float and one.readers.isdisjoint(integer)


def _shortcut(graph: Graph, node: Node, layers: set[str]) -> str:
    """Return the input of a residual sum that is not made by the int8 convolution that fuses with it; empty if none."""
    if node.op_type != "Add" or any(name in graph.constants for name in node.input):
        return ""
    for own, other in (node.input, tuple(reversed(node.input))):
        maker = graph.producer.get(own)
        if maker is not None and maker.op_type == "Conv" and maker.name in layers and len(graph.consumers[own]) == 1:
            return str(other)
    return ""
