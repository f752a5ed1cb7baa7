"""What a comparison of engines is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_sdk.convert.engines import ENGINES, Engine
from edge_sdk.convert.parity.numbers import Tolerance
from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.tasks import Head, TaskKind


@dataclass(frozen=True, slots=True)
class ParityRequest:
    """What a comparison of engines is asked.

    Attributes:
        model: An ONNX file, or a package.
        engines: The engines; none for all that are installed.
        inputs: Data to compare on; None for random inputs.
        samples: How many samples at most.
        seed: Of random inputs.
        layers: Whether each operator is compared; else only where an output is beyond the tolerance.
        tolerance: How far outputs may be from the oracle's.
        shapes: Sizes of inputs whose sizes are free.
        preprocess: What turns data into inputs; None for what a package says.
        task: What the model is for; None for what a package says, or what the outputs tell.
        head: The layout of the outputs; empty where they tell.
        pythons: The interpreter of engines that live in environments of their own, by name.
        limit_s: When an engine is ended.
        table: The engines that there are.
    """

    model: Path
    engines: tuple[str, ...] = ()
    inputs: str | None = None
    samples: int = 4
    seed: int = 0
    layers: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    preprocess: Preprocess | None = None
    task: TaskKind | None = None
    head: Head = ""
    pythons: Mapping[str, Path] = field(default_factory=dict)
    limit_s: float = 300.0
    table: Mapping[str, Engine] = field(default_factory=lambda: ENGINES)

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: There are no samples, or no time.
        """
        if self.samples < 1 or self.limit_s <= 0 or self.seed < 0:
            raise InputError(
                f"samples, limit_s, seed: expected 1 or more, above 0, and 0 or more, "
                f"got {self.samples}, {self.limit_s:g}, {self.seed}"
            )
