"""What is known of a model besides its weights: from which its task is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_sdk.tasks.record import Head, TaskKind
from edge_sdk.tensors import TensorSpec

Exporter = Literal["", "classify", "detect", "segment", "pose", "other"]
"""The task in the metadata of an Ultralytics export, `other` where we do not know it; empty for other exporters."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model.

    Attributes:
        outputs: What it gives.
        inputs: What it takes.
        labels: The number of class names, 0 if unknown.
        kind: What the user says it is for; None if nothing is said.
        head: What the user says of the layout of its outputs, empty if nothing.
        input_wh: Width and height of the picture that it takes; None if it takes none, or of any size.
        exporter: What an exporter wrote into its metadata.
        joints: From the same metadata: how many joints a body has, and values a joint; None if it does not say.
    """

    outputs: tuple[TensorSpec, ...]
    inputs: tuple[TensorSpec, ...] = ()
    labels: int = 0
    kind: TaskKind | None = None
    head: Head = ""
    input_wh: tuple[int, int] | None = None
    exporter: Exporter = ""
    joints: tuple[int, int] | None = None

    @property
    def shapes(self) -> Mapping[str, tuple[int | str, ...]]:
        """The shapes of the outputs by their names."""
        return {output.name: output.shape for output in self.outputs}
