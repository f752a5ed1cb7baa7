"""A few operators of a graph as a model of their own, to see what they do with values that the whole model never makes.

Pairs of QuantizeLinear and DequantizeLinear are computed as written, in float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edge_sdk.quantize.graph import Graph, Model, Node, inner_nodes
from edge_sdk.quantize.ranges import Quant
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tensors import Array, Tensors

STORED = "\0stored"
"""What the name of a tensor's integers ends with; no name of a model has it."""
_AS_WRITTEN = {"session.disable_quant_qdq": "1"}


def part_of(graph: Graph, nodes: Sequence[Node], outputs: Sequence[str]) -> Model:
    """Return the operators as a model; what they read and none of them makes are its inputs, or its constants.

    Args:
        graph: The whole graph.
        nodes: Some of its operators, in the order of execution.
        outputs: Tensors that they make.
    """
    from onnx import ModelProto, helper

    inputs = free_inputs(graph, nodes)
    read = {name for node in nodes for name in _read(node)}
    model = ModelProto(ir_version=graph.model.ir_version)
    model.opset_import.extend(graph.model.opset_import)
    model.graph.name = "part"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensor for tensor in graph.model.graph.initializer if tensor.name in read)
    model.graph.input.extend(helper.make_tensor_value_info(name, graph.element_type(name), None) for name in inputs)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    return model


def free_inputs(graph: Graph, nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the tensors that operators read and none of them makes, without constants."""
    nodes = tuple(nodes)
    made = {name for node in nodes for name in node.output}
    known = graph.producer.keys() | set(graph.inputs)
    return tuple(dict.fromkeys(name for node in nodes for name in _read(node) if name in known and name not in made))


def read_stored(model: Model, quants: Mapping[str, Quant]) -> None:
    """Let a part take some of its inputs as int8 steps, under their name and `STORED`."""
    from onnx import TensorProto, helper

    for value in model.graph.input:
        if value.name in quants:
            scale, zero = _constants(model, value.name, quants[value.name])
            pair = helper.make_node("DequantizeLinear", [value.name + STORED, scale, zero], [value.name])
            model.graph.node.insert(0, pair)
            value.CopyFrom(helper.make_tensor_value_info(value.name + STORED, TensorProto.INT8, None))


def give_stored(model: Model, output: str, result: str, quant: Quant) -> None:
    """Let a part also give an output as int8 steps, under the name of the result and `STORED`."""
    from onnx import helper

    scale, zero = _constants(model, result, quant)
    model.graph.node.append(helper.make_node("QuantizeLinear", [output, scale, zero], [result + STORED]))
    model.graph.output.append(helper.make_empty_tensor_value_info(result + STORED))


class Part:
    """A part, opened.

    Attributes:
        inputs: Names of what it takes.
    """

    def __init__(self, model: Model) -> None:
        where = "part of the model"
        self._session: Session = open_session(bytes(model.SerializeToString()), host_config(_AS_WRITTEN), where=where)
        self.inputs = tuple(spec.name for spec in self._session.inputs)
        self._outputs = tuple(spec.name for spec in self._session.outputs)

    def run(self, given: Tensors) -> dict[str, Array]:
        """Compute the outputs from what is given, of which only the inputs are taken."""
        results = self._session.run_bare({name: given[name] for name in self.inputs})  # shapes may be unknown
        return dict(zip(self._outputs, results, strict=True))


def dequantize(stored: Array, quant: Quant) -> Array:
    """Return the values that int8 steps stand for, float32."""
    return (stored.astype(np.float32) - np.float32(quant.zero_point)) * np.float32(quant.scale)


def _read(node: Node) -> Iterable[str]:
    return (name for reader in (node, *inner_nodes(node)) for name in reader.input if name)


def _constants(model: Model, name: str, quant: Quant) -> tuple[str, str]:
    from onnx import numpy_helper

    values: dict[str, Any] = {
        f"{name}\0scale": np.array(quant.scale, np.float32),
        f"{name}\0zero": np.array(quant.zero_point, np.int8),
    }
    present = {tensor.name for tensor in model.graph.initializer}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in values.items() if k not in present)
    scale, zero = values
    return scale, zero
