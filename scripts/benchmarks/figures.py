"""The figures of `scripts/bench quantize`: what is kept as JSON, and what verdicts and tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks.contenders import Kind


@dataclass(frozen=True, slots=True)
class Loss:
    """What one list of results loses against another, on the same samples.

    Attributes:
        points: The drop in points of 100; None without labels.
        interval: Its 95 % interval.
        agreement: How far the results agree, 0 to 1.
    """

    points: float | None
    interval: tuple[float, float] | None
    agreement: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one contender on one model.

    Attributes:
        name: The contender.
        kind: What kind it is.
        note: How it was made, or why there is nothing.
        seconds: Time of the whole command that quantized; None if nothing was quantized.
        peak_bytes: Peak memory of that command and its children.
        size_ratio: Size of the file, divided by the float ONNX file's.
        loss: Against the float model in onnxruntime.
        behind_ours: What edge-sdk's variants lose against this one, by their names.
        latency_ratio: Median time of an inference, divided by the float model's in onnxruntime.
    """

    name: str
    kind: Kind
    note: str
    seconds: float | None = None
    peak_bytes: int | None = None
    size_ratio: float | None = None
    loss: Loss | None = None
    behind_ours: Mapping[str, Loss] | None = None
    latency_ratio: float | None = None

    @property
    def is_measured(self) -> bool:
        """Whether there is a model that ran."""
        return self.loss is not None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What was measured on one model.

    Attributes:
        model: Its name.
        metric: The metric's name; empty without labels.
        float_value: The float model's, in points of 100.
        samples: How many samples were measured on.
        float_ms: Median time of the float model in onnxruntime, for orientation only.
        contenders: Ours first, the measuring machine's before the others; then the peers.
    """

    model: str
    metric: str
    float_value: float | None
    samples: int
    float_ms: float
    contenders: Sequence[Figures]

    @property
    def ours(self) -> list[Figures]:
        """The rows of edge-sdk."""
        return [one for one in self.contenders if one.kind == "edge-sdk"]

    def peers(self, *kinds: Kind) -> list[Figures]:
        """Return the measured rows of peers of some kinds."""
        return [one for one in self.contenders if one.kind in kinds and one.is_measured]
