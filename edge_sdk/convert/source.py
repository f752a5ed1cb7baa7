"""The interface of a source framework's file; what stands behind it lives in a child process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from edge_sdk.convert.record import Exported, SourceFacts
from edge_sdk.tensors import Array, Tensors


class SourceModel(Protocol):
    """A model as its framework has it."""

    def facts(self) -> SourceFacts:
        """Return what the source states of itself."""

    def export(self) -> Exported:
        """Return the ONNX model, in the newest allowed operator set or an older one; called once, first.

        Raises:
            InputError: The framework cannot export it.
        """

    def run(self, tensors: Tensors) -> Tensors:
        """Compute the framework's own outputs, which parity is measured against.

        Args:
            tensors: The inputs of one batch, by the names of the ONNX model.

        Returns:
            The outputs, by the names of the ONNX model.
        """

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what the layers give, by name, in the order of computation; nothing where the framework hides it."""
