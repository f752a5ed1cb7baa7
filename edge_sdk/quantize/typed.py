"""From a float32 graph to a strongly typed one: float16 inside, float32 where it must be, a Cast at each border.

- The type of each tensor follows from the graph: no operator has inputs of two float types where ONNX wants one. So
  TensorRT 11, which takes types from the file only, and any older TensorRT read the same thing.
- Inputs, outputs, and what branches and loops read by name stay float32 under their names.
- A tensor is cast at most once in either direction, right before its first reader; what is float32 already (an input, a
  layer left in float32) is quantized from float32.
- What ONNX has in float32 only stays so: NonMaxSuppression, Range, the scales of Resize, Q/DQ below operator set 19.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np

from edge_sdk.quantize.graph import Graph, Model, Node, attributes, inner_nodes

HALF_MAX = 65504.0
"""The greatest float16."""
_TYPED_BY_ATTRIBUTE = frozenset(
    {"Constant", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"}
    | {"MeanVarianceNormalization"}
)
"""Operators that stay as they are: an attribute types their result, or onnxruntime has them in float32 only."""
_STEPS = 127


def to_half(graph: Graph, single: Collection[str]) -> Model:
    """Return the model in float16, strongly typed.

    Args:
        graph: A graph whose tensors have known types; it is not changed.
        single: Names of the operators that stay float32.
    """
    return _Typer(graph, single).model()


def has_half(node: Node, opset: int) -> bool:
    """Tell whether ONNX has an operator in float16, and this one could be written so."""
    inputs, outputs = _half_places(node.op_type, node.domain, opset, len(node.input), len(node.output))
    inside = any(True for _ in inner_nodes(node))
    return bool(inputs or outputs) and not inside and node.op_type not in _TYPED_BY_ATTRIBUTE


class _Typer:
    """One rewriting: the new nodes and initializers, and under which name each tensor is there in which type."""

    def __init__(self, graph: Graph, single: Collection[str]) -> None:
        self.graph = graph
        self.single = single
        inner = {name for node in graph.nodes for n in inner_nodes(node) for name in (*n.input, *n.output)}
        self.keeps_name = {*graph.inputs, *graph.outputs, *inner}
        self.taken = {*graph.constants, *graph.inputs, *graph.producer, *inner, *(node.name for node in graph.nodes)}
        self.nodes: list[Node] = []
        self.initializers: list[Any] = []
        self.there: dict[tuple[str, bool], str] = {(name, False): name for name in graph.inputs}
        self.renamed: dict[str, str] = {}

    def model(self) -> Model:
        import onnx

        for node in self.graph.nodes:
            if not self._is_needless(node):
                self._node(node)
        model = onnx.ModelProto()
        model.CopyFrom(self.graph.model)
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for n in (node, *inner_nodes(node)) for name in n.input}
        kept = [tensor for tensor in model.graph.initializer if tensor.name in used | {*self.graph.outputs}]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*kept, *self.initializers])
        del model.graph.value_info[:]
        return model

    def _node(self, node: Node) -> None:
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        inputs, outputs = self._places(node)
        for name in {name for inner in inner_nodes(node) for name in inner.input}:
            self._read(name, half=False)
        for i, name in enumerate(node.input):
            copy.input[i] = self._read(name, half=i in inputs)
        if outputs and node.op_type == "Cast" and attributes(node)["to"] == onnx.TensorProto.FLOAT:
            next(attribute for attribute in copy.attribute if attribute.name == "to").i = onnx.TensorProto.FLOAT16
        self.nodes.append(copy)
        for i, name in enumerate(node.output):
            if name and self.graph.is_float(name):
                copy.output[i] = self._made(name, half=i in outputs)
                if i in outputs and name in self.keeps_name:
                    self._read(name, half=False)

    def _places(self, node: Node) -> tuple[frozenset[int], frozenset[int]]:
        """Return which inputs and outputs of a node are float16."""
        nothing: frozenset[int] = frozenset()
        if node.name in self.single or not has_half(node, self.graph.opset) or self._is_single_pair(node):
            return nothing, nothing
        return _half_places(node.op_type, node.domain, self.graph.opset, len(node.input), len(node.output))

    def _is_single_pair(self, node: Node) -> bool:
        """Tell whether a Q or DQ stays float32: what it reads is float32 only, or what it gives is beyond float16."""
        if node.op_type == "QuantizeLinear":
            return (node.input[0], True) not in self.there and node.input[0] not in self.graph.constants
        scale = self.graph.constants.get(node.input[1]) if node.op_type == "DequantizeLinear" else None
        return scale is not None and bool(np.any(scale * _STEPS > HALF_MAX))

    def _is_needless(self, node: Node) -> bool:
        """Tell whether a Cast of the model between float32 and float16 has become a name for what there is."""
        from onnx import TensorProto

        if node.op_type != "Cast" or node.output[0] in self.keeps_name:
            return False
        to, source = attributes(node)["to"], node.input[0]
        if to == TensorProto.FLOAT and self.graph.element(source) == TensorProto.FLOAT16:
            self.there[node.output[0], True] = self.renamed.get(source, source)
            return True
        if to == TensorProto.FLOAT16 and (source, True) in self.there:
            self.renamed[node.output[0]] = self.there[source, True]
            return True
        return False

    def _read(self, name: str, *, half: bool) -> str:
        """Return the name under which a tensor is there in the wanted type; write what is missing."""
        from onnx import TensorProto, helper, numpy_helper

        if not name or not self.graph.is_float(name):
            return self.renamed.get(name, name)
        if (name, half) not in self.there:
            if name in self.graph.constants:
                stored = self._made(name, half=half)
                if half:
                    values = self.graph.constants[name].astype(np.float16)
                    self.initializers.append(numpy_helper.from_array(values, stored))
                return stored
            if (name, not half) not in self.there:  # made inside the branch or loop that reads it
                return name
            source, stored = self.there[name, not half], self._made(name, half=half)
            to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
            self.nodes.append(helper.make_node("Cast", [source], [stored], self._fresh(f"{stored}_cast"), to=to))
        return self.there[name, half]

    def _made(self, name: str, *, half: bool) -> str:
        """Note that a tensor is there in a type, and return under which name."""
        stays = not half or name not in self.keeps_name | self.graph.constants.keys()
        free = stays and name not in self.there.values()
        stored = name if free else self._fresh(f"{name}_{'half' if half else 'single'}")
        self.there[name, half] = stored
        return stored

    def _fresh(self, wanted: str) -> str:
        names = itertools.chain([wanted], map(f"{wanted}_{{}}".format, itertools.count()))
        name = next(name for name in names if name not in self.taken)
        self.taken.add(name)
        return name


@cache
def _half_places(op: str, domain: str, opset: int, inputs: int, outputs: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return which of its inputs and outputs ONNX lets an operator have in float16."""
    import onnx

    if domain not in {"", "ai.onnx"} or not onnx.defs.has(op):
        return frozenset(), frozenset()
    schema = onnx.defs.get_schema(op, opset)
    allowed = {constraint.type_param_str: constraint.allowed_type_strs for constraint in schema.type_constraints}
    kinds = [allowed.get(formal.type_str, [formal.type_str]) for formal in (*schema.inputs, *schema.outputs)]
    if not all(any(name.startswith("tensor(") for name in kind) for kind in kinds):  # sequences, maps, optionals
        return frozenset(), frozenset()

    def places(formals: Any, count: int) -> frozenset[int]:
        types = [formals[min(i, len(formals) - 1)].type_str for i in range(count if formals else 0)]
        return frozenset(i for i, kind in enumerate(types) if "tensor(float16)" in allowed.get(kind, [kind]))

    return places(schema.inputs, inputs), places(schema.outputs, outputs)
