"""What a comparison says: a row for each engine and model, with all that is needed to repeat it.

- The report is the certificate: the same model, inputs, seed and versions give the same bytes. It has no times and no
  names of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_sdk.convert.engines.launch import Outcome
from edge_sdk.convert.parity.graph import Layer
from edge_sdk.convert.parity.numbers import Difference, Tolerance

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class TaskAgreement:
    """How far two engines give the same answers.

    Attributes:
        task: What the model is for.
        agreement: Mean agreement of the samples, 0 to 1; of boxes, the share that is matched.
        changed: Samples whose answers are not the same: for a classifier, those whose first class is another one.
        samples: How many there were.
        told: Why there is none, where answers could not be read; empty else.
    """

    task: str
    agreement: float
    changed: int
    samples: int
    told: str = ""


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """The difference of an intermediate tensor, and the operator that gives it."""

    layer: Layer
    difference: Difference


@dataclass(frozen=True, slots=True)
class Layers:
    """Where an engine leaves the oracle.

    Attributes:
        graph: Which graph was compared: with intermediate outputs, engines fuse less than they would.
        first: The first operator in the order of execution whose tensor is beyond the tolerance; None if none is.
        told: What could not be told; empty else.
        each: Every operator's difference, in the order of execution; none where they were searched one by one.
    """

    graph: str
    first: Layer | None = None
    told: str = ""
    each: tuple[LayerDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One engine on one model.

    Attributes:
        variant: The family in the package; empty for a model file.
        engine: The engine's name.
        outcome: `ran`, or why there are no numbers.
        reason: The same in words; empty if it ran.
        versions: What it computed with.
        outputs: The difference of each output; none if it did not run.
        failures: Outputs beyond the tolerance, by name, each with the reason.
        agreement: Of the task's answers; None where the task is not known.
        layers: Where it leaves the oracle; None where that was not looked for.
    """

    variant: str
    engine: str
    outcome: Outcome
    reason: str
    versions: dict[str, str]
    outputs: tuple[Difference, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    agreement: TaskAgreement | None = None
    layers: Layers | None = None

    @property
    def name(self) -> str:
        """The row's name: the engine, with the variant where there is one."""
        return f"{self.variant} on {self.engine}" if self.variant else self.engine


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that was compared.

    Attributes:
        variant: The family in the package; empty for a model file.
        sha256: SHA-256 of the ONNX file.
        inputs: What all engines were given, in words.
        inputs_sha256: SHA-256 of those inputs.
        oracle: The engine that the others are compared with.
        oracle_told: Why it is not the reference; empty if it is.
        tolerance: How far outputs may be from the oracle's.
    """

    variant: str
    sha256: str
    inputs: str
    inputs_sha256: str
    oracle: str
    oracle_told: str
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What a comparison of engines says.

    Attributes:
        model: The file's name.
        sha256: SHA-256 of the file: the model, or the package.
        host: The processor's architecture, and its features that decide about arithmetic.
        seed: Of the random inputs; None where data was given.
        subjects: The models that were compared.
        rows: The engines on each.
        edge_sdk: The version that compared.
        schema: The version of this document.
    """

    model: str
    sha256: str
    host: tuple[str, ...]
    seed: int | None
    subjects: tuple[Subject, ...]
    rows: tuple[Row, ...]
    edge_sdk: str
    schema: int = SCHEMA

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows with outputs beyond the tolerance."""
        return tuple(row for row in self.rows if row.failures)
