"""A place of a model that breaks a rule."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.quantize.graph import Graph, Node


@dataclass(frozen=True, slots=True)
class Place:
    """A place, with what was expected there.

    Attributes:
        name: The operator, tensor or part of the model.
        expected: What TensorRT wants.
        got: What is there.
        hint: The cure, where it is known.
    """

    name: str
    expected: str
    got: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, got {self.got}"


def name_of(graph: Graph, node: Node) -> str:
    """Return how a node is called: by its own name, or as what stands beside a named operator."""
    if node.name:
        return str(node.name)
    reader = next((reader for reader in graph.consumers[node.output[0]] if reader.name), None)
    maker = graph.producer.get(node.input[0]) if node.input else None
    if reader is not None:
        return f"{node.op_type} before {reader.name}"
    if maker is not None and maker.name:
        return f"{node.op_type} after {maker.name}"
    return f"{node.op_type} of {', '.join(node.input)}"
