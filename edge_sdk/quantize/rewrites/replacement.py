"""How a rewrite replaces operators: it names the new ones and their constants; the model is changed here alone.

- A rewrite looks at one operator and what is around it, and never changes the graph.
- New operators give the results of the one that they replace, by the same names; what nobody reads any more goes.
- The name of a new operator is, or starts with, the name of one that it replaces: reports speak of what users know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Graph, Model, Node, drop_unread, inner_nodes


@dataclass(frozen=True, slots=True)
class Replacement:
    """What stands in the place of an operator.

    Attributes:
        nodes: Operators that give its results, in the order of execution.
        constants: The new constants that they read, by name.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


Rewrite = Callable[[Graph, Node], Replacement | None]
"""Returns what to put in the place of an operator; None leaves it as it is."""


def apply_rewrite(graph: Graph, rewrite: Rewrite) -> Model | None:
    """Return a model with each operator replaced for which the rewrite has something; None if there is none.

    Args:
        graph: The graph; it is not changed.
        rewrite: Is asked about each operator of it, but for those inside of branches and loops.
    """
    import onnx
    from onnx import numpy_helper

    found = [rewrite(graph, node) for node in graph.nodes]
    if not any(found):
        return None
    changed = onnx.ModelProto()
    changed.CopyFrom(graph.model)
    del changed.graph.node[:]
    for node, replacement in zip(graph.nodes, found, strict=True):
        changed.graph.node.extend([node] if replacement is None else replacement.nodes)
    new = {name: values for replacement in found if replacement for name, values in replacement.constants.items()}
    changed.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in new.items())
    _drop_unread_nodes(changed)
    drop_unread(changed)
    return changed


def name_of(node: Node) -> str:
    """Return what a new operator may be called after: the node's name, or that of its result if it has none."""
    return str(node.name or node.output[0])


def scalar(graph: Graph, tensor: str) -> float | None:
    """Return the value of a constant that holds a single float32 number; None for anything else."""
    values = graph.constants.get(tensor)
    return float(values.item()) if values is not None and values.size == 1 and values.dtype == np.float32 else None


def only_reader(graph: Graph, tensor: str) -> bool:
    """Tell whether a tensor is read once, and is no output of the model."""
    return len(graph.consumers[tensor]) == 1 and tensor not in graph.outputs


def _drop_unread_nodes(model: Model) -> None:
    wanted = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(name for reader in (node, *inner_nodes(node)) for name in reader.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
