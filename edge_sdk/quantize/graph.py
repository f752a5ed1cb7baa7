"""An ONNX graph with an index: who makes a tensor, who reads it, what is constant, how large it is.

The index is a reading of the graph as it was; whoever changes the graph makes a new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.tensors import TensorSpec

LAYER_OPS = frozenset({"Conv", "Gemm", "MatMul"})
RECURRENT_OPS = frozenset({"LSTM", "GRU", "RNN"})
_INTEGER_PRODUCTS = frozenset({"MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"})
_COUNTED = LAYER_OPS | RECURRENT_OPS | _INTEGER_PRODUCTS | {"ConvTranspose", "DynamicQuantizeLSTM", "MatMulNBits"}
_NEARBY_OPERATORS = 3

Told = TypeVar("Told")
Node = Any
"""An `onnx.NodeProto`."""
Model = Any
"""An `onnx.ModelProto`."""


class Graph:
    """The main graph of a model, indexed.

    Attributes:
        model: The `onnx.ModelProto`.
        nodes: Its nodes in the order of execution; each has a name of its own.
        producer: The node that makes a tensor.
        consumers: The nodes that read a tensor, be it in a branch or a loop of theirs.
        constants: The initializers as arrays.
        shapes: The sizes of the tensors that are known and static.
        inputs: Names of the graph's inputs.
        outputs: Names of the graph's outputs.
    """

    def __init__(self, model: Model) -> None:
        from onnx import TensorProto, numpy_helper

        graph = model.graph
        self.model = model
        self.nodes: tuple[Node, ...] = tuple(graph.node)
        self.producer: dict[str, Node] = {name: node for node in graph.node for name in node.output if name}
        self.consumers: dict[str, list[Node]] = defaultdict(list)
        for node in graph.node:
            read = [name for reader in (node, *inner_nodes(node)) for name in reader.input if name]
            for name in dict.fromkeys(read):
                self.consumers[name].append(node)
        self.constants: dict[str, npt.NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer
        }
        self.inputs = tuple(value.name for value in graph.input if value.name not in self.constants)
        self.outputs = tuple(value.name for value in graph.output)
        self._float = TensorProto.FLOAT
        self._elements = {v.name: v.type.tensor_type.elem_type for v in _values(graph)}
        self._elements.update({tensor.name: tensor.data_type for tensor in graph.initializer})
        self.shapes: dict[str, tuple[int, ...]] = {
            value.name: shape for value in _values(graph) if (shape := _static_shape(value)) is not None
        }
        self.shapes.update({name: array.shape for name, array in self.constants.items()})
        self._known: dict[Callable[[Graph], Any], Any] = {}

    def known(self, tell: Callable[[Graph], Told]) -> Told:
        """Return what a function tells of this graph, which it is asked once: a graph stays as it is."""
        if tell not in self._known:
            self._known[tell] = tell(self)
        told: Told = self._known[tell]
        return told

    @property
    def opset(self) -> int:
        """The version of the ai.onnx operator set."""
        return next(int(entry.version) for entry in self.model.opset_import if entry.domain in {"", "ai.onnx"})

    def element(self, tensor: str) -> int:
        """Return the element type of a tensor as in `onnx.TensorProto`; 0 if it is not known."""
        return int(self._elements.get(tensor, 0))

    def is_float(self, tensor: str) -> bool:
        """Tell whether a tensor holds float32 values."""
        return self.element(tensor) == self._float

    def is_bytes(self, tensor: str) -> bool:
        """Tell whether a tensor that is computed at run time holds uint8 values."""
        from onnx import TensorProto

        return bool(self._elements.get(tensor) == TensorProto.UINT8)

    def fresh(self, name: str) -> str:
        """Return the name, longer if a tensor or a node has it already."""
        taken = {*self.inputs, *self.constants, *self.producer, *(node.name for node in self.nodes)}
        while name in taken:
            name += "_"
        return name

    def element_type(self, tensor: str) -> int:
        """Return ONNX's number of the element type of a tensor that is computed at run time; 0 if it is not known."""
        return int(self._elements.get(tensor, 0))

    def activations(self, node: Node) -> tuple[str, ...]:
        """Return the inputs of a node that are computed at run time and hold float32 values."""
        return tuple(n for n in dict.fromkeys(node.input) if n and n not in self.constants and self.is_float(n))

    def macs(self, node: Node) -> int:
        """Return the multiply-accumulates of a node; 0 where it does none or a size is not known."""
        if node.op_type not in _COUNTED:
            return 0
        out, weight = self.shapes.get(node.output[0]), self.shapes.get(node.input[1])
        if out is None or weight is None:
            return 0
        if node.op_type in RECURRENT_OPS | {"DynamicQuantizeLSTM"}:
            steps = self.shapes.get(node.input[0], (0,))[:2]
            return int(np.prod(steps) * (np.prod(weight) + self.elements(node.input[2])))
        if node.op_type == "ConvTranspose":
            return int(self.elements(node.input[0]) * np.prod(weight[1:]))
        return int(np.prod(out) * _products_of_a_value(node, weight))

    def elements(self, tensor: str) -> int:
        """Return the number of values in a tensor; 0 if it is not known."""
        return int(np.prod(self.shapes[tensor])) if tensor in self.shapes else 0


def _products_of_a_value(node: Node, weight: tuple[int, ...]) -> int:
    """Return how many products a value of the result of a Conv, Gemm or MatMul is the sum of."""
    if node.op_type == "Conv":
        return int(np.prod(weight[1:]))
    if node.op_type == "MatMulNBits":
        return int(attributes(node)["K"])
    return weight[1] if attributes(node).get("transB") else weight[-2] if len(weight) > 1 else weight[0]


def weighted_layers(graph: Graph) -> tuple[Node, ...]:
    """Return the operators that multiply by weights and may be quantized, in the order of execution."""
    layers = (node for node in graph.nodes if node.op_type in LAYER_OPS)
    return tuple(node for node in layers if not {*graph.activations(node)}.isdisjoint(node.input[:2]))


def is_dequantized(graph: Graph, tensor: str) -> bool:
    """Tell whether a tensor is the result of a DequantizeLinear."""
    maker = graph.producer.get(tensor)
    return maker is not None and maker.op_type == "DequantizeLinear"


def nearby_layers(graph: Graph) -> dict[str, frozenset[str]]:
    """Return the weighted layers near each one: with at most a few operators without weights between them."""
    made_by: dict[str, dict[str, int]] = {}
    near: dict[str, set[str]] = {node.name: set() for node in weighted_layers(graph)}
    for node in graph.nodes:
        before: dict[str, int] = {}
        for tensor in graph.activations(node):
            for layer, steps in made_by.get(tensor, {}).items():
                before[layer] = min(steps, before.get(layer, steps))
        if node.name in near:
            near[node.name].update(before)
            before = {node.name: 0}
        for layer in before:
            near[layer].update(before.keys() - {layer})
        after = {layer: steps + 1 for layer, steps in before.items() if steps < _NEARBY_OPERATORS}
        made_by.update(dict.fromkeys(filter(None, node.output), after))
    for layer, others in list(near.items()):
        for other in others:
            near[other].add(layer)
    return {layer: frozenset(others) for layer, others in near.items()}


def inner_nodes(node: Node) -> Iterator[Node]:
    """Yield the nodes of a node's branches or loop body, however deep."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield inner
                yield from inner_nodes(inner)


def drop_unread(model: Model) -> None:
    """Drop the initializers of the main graph that nothing reads."""
    graph = model.graph
    read = {name for node in graph.node for reader in (node, *inner_nodes(node)) for name in reader.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read | {value.name for value in graph.output}]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def attributes(node: Node) -> Mapping[str, Any]:
    """Return the attributes of a node, decoded."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def tensor_specs(values: Any) -> tuple[TensorSpec, ...]:
    """Return the specifications of a graph's inputs or outputs.

    Raises:
        InputError: One is no tensor: a sequence, a map, an optional.
    """
    from onnx import helper

    specs = []
    for value in values:
        tensor = value.type.tensor_type
        if not tensor.elem_type:
            raise InputError(f"model: expected tensors, got {value.name} of another type")
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
        shape = tuple(
            int(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or f"axis{axis}"
            for axis, dim in enumerate(tensor.shape.dim)
        )
        specs.append(TensorSpec(value.name, dtype, shape))
    return tuple(specs)


def _values(graph: Any) -> list[Any]:
    return [*graph.value_info, *graph.input, *graph.output]


def _static_shape(value: Any) -> tuple[int, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    sizes = [int(dim.dim_value) for dim in tensor.shape.dim if dim.HasField("dim_value") and dim.dim_value > 0]
    return tuple(sizes) if len(sizes) == len(tensor.shape.dim) else None
