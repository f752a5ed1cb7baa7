"""Puts other operators in the place of layers: the emission of the families that need no ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.emit import shorten_names
from edge_sdk.quantize.graph import Graph, Model, Node, inner_nodes

CONTRIB = "com.microsoft"
"""The domain of onnxruntime's own operators."""
_PART = "\0"
"""Stands between a name and that of a part; no name of a model has it, none written does."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What stands in the place of a layer.

    Attributes:
        nodes: Its operators in the order of execution; one whose results another layer has written already is shared.
        constants: Their constants by name.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[Any]]


def part_of(name: str, part: str) -> str:
    """Return the name of a part of a layer or tensor, which no tensor of a model has."""
    return f"{name}{_PART}{part}"


def replace_layers(model: Model, replacements: Mapping[str, Replacement], original: Graph) -> Model:
    """Return a model with layers replaced.

    Args:
        model: The model; it is not changed.
        replacements: What stands in the place of a layer, by its name.
        original: The float graph, which tells the shapes that ONNX cannot infer: those of onnxruntime's own operators.
    """
    import onnx

    if not replacements:
        return model
    replaced = onnx.ModelProto()
    replaced.CopyFrom(model)
    del replaced.graph.node[:]
    written: set[str] = set()
    for node in model.graph.node:
        for one in replacements[node.name].nodes if node.name in replacements else (node,):
            if written.isdisjoint(one.output):
                replaced.graph.node.append(one)
                written.update(filter(None, one.output))
    _write_constants(replaced, [one.constants for one in replacements.values()])
    if CONTRIB not in {entry.domain for entry in replaced.opset_import}:
        replaced.opset_import.append(onnx.helper.make_opsetid(CONTRIB, 1))
    inner = {name for node in replaced.graph.node for n in inner_nodes(node) for name in (*n.input, *n.output)}
    ends = {value.name for value in (*replaced.graph.input, *replaced.graph.output)}
    shorten_names(replaced, keep={*ends, *inner})
    _tell_shapes(replaced, original, keep=ends)
    return replaced


def _write_constants(model: Model, constants: list[Mapping[str, npt.NDArray[Any]]]) -> None:
    """Write the constants of the replacements, and drop those that nobody reads any more."""
    from onnx import numpy_helper

    for name, values in {name: values for one in constants for name, values in one.items()}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    readers = [reader for node in model.graph.node for reader in (node, *inner_nodes(node))]
    used = {name for reader in readers for name in reader.input} | {value.name for value in model.graph.output}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _tell_shapes(model: Model, original: Graph, *, keep: set[str]) -> None:
    """Write the shapes of the results of onnxruntime's own operators, and no others."""
    from onnx import TensorProto, helper

    del model.graph.value_info[:]
    own = {node.name: node for node in original.nodes}
    for node in model.graph.node:
        if node.domain != CONTRIB or node.name not in own:
            continue
        for name, source in zip(node.output, own[node.name].output, strict=False):
            if name and name not in keep and source in original.shapes:
                shape = original.shapes[source]
                model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
