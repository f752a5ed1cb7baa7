"""What a conversion is asked, what goes into the child process and comes out of it, and what is reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_sdk.convert.parity.numbers import Difference, Tolerance
from edge_sdk.convert.parity.report import TaskAgreement
from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.tasks import Head, TaskKind
from edge_sdk.tensors import TensorSpec

DEFAULT_OPSET = 17
"""What is exported where no board is named: what all boards but the oldest load."""
LEAST_OPSET = 13
"""The first with per-channel quantization, which `edge-sdk quantize` needs."""
BATCH = "batch"
"""The name of a free axis that is told as `?`."""

Shape = tuple[int | str, ...]
Layout = Literal["", "nhwc", "nchw"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a framework is to open and export.

    Attributes:
        source: A file, a folder, or `module:factory`.
        weights: A file of weights that go into what the factory returns; empty for none.
        shapes: The shapes of inputs as the user tells them; a name stands for a free axis. A model of one input takes
            a shape that is told for any name.
        sizes: Sizes of free axes for the example that an exporter runs; see `Order.example`.
        opset: The newest operator set of ai.onnx that may come out.
        trusts: Whether the user trusts the source to run code here.
        dequantize: Whether a model in integers becomes one in floats.
        layout: How the ONNX model takes pictures; empty as the source does.
        inputs_at: Tensors of a frozen graph of TensorFlow that become its inputs; empty for its own.
    """

    source: str
    weights: str = ""
    shapes: dict[str, Shape] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    opset: int = DEFAULT_OPSET
    trusts: bool = False
    dequantize: bool = False
    layout: Layout = ""
    inputs_at: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The source as a path."""
        return Path(self.source)

    def example(self, shape: Shape, *, batch: int = 2) -> tuple[int, ...]:
        """Return sizes for an example of a shape; exporters take an axis of size 1 for a fixed one."""
        return tuple(
            size if isinstance(size, int) else self.sizes.get(size, batch if axis == 0 or size == BATCH else 16)
            for axis, size in enumerate(shape)
        )


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source states of itself.

    Attributes:
        versions: Of the packages that compute it.
        preprocess: What it states of its preprocessing; None if nothing.
        labels: Names of its classes by index; empty if it states none.
        notes: What else the user must know, a line each.
        steps: What one step of an output is worth, by its name, where the model gives the source's own integers.
        rounds: Whether the source computes in integers, which its ONNX model may not.
        ranges: Lowest and highest number of an input, by its name, beyond which the source cuts it off and its ONNX
            model does not.
    """

    versions: dict[str, str]
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    steps: dict[str, float] = field(default_factory=dict)
    rounds: bool = False
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an exporter made.

    Attributes:
        model: The ONNX model, serialized.
        exporter: The exporter with its version.
        fallbacks: Exporters that were tried before, each with why it failed.
    """

    model: bytes
    exporter: str
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertRequest:
    """What a conversion is asked.

    Attributes:
        order: What the framework is to open and export.
        framework: Its name; empty where the source tells it.
        max_ir: The newest ONNX IR version that the boards load.
        inputs: Data to compare on, besides random inputs; None for none.
        samples: How many samples of each kind.
        seed: Of random inputs.
        tolerance: How far outputs may be from the source's own.
        preprocess: What the user says of it; None for what the source states.
        labels: Names of classes that the user gives; empty for what the source states.
        task: What the model is for; None for what its outputs tell.
        head: The layout of its outputs; empty where they tell.
        limit_s: When the child process is ended.
    """

    order: Order
    framework: str = ""
    max_ir: int = 10
    inputs: str | None = None
    samples: int = 8
    seed: int = 0
    tolerance: Tolerance = field(default_factory=lambda: Tolerance(relative=None, min_snr_db=80.0))
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    task: TaskKind | None = None
    head: Head = ""
    limit_s: float = 1800.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: There are no samples, no time, or an operator set that nobody loads.
        """
        if self.samples < 1 or self.limit_s <= 0 or self.seed < 0:
            raise InputError(
                f"samples, limit_s, seed: expected 1 or more, above 0, and 0 or more, "
                f"got {self.samples}, {self.limit_s:g}, {self.seed}"
            )
        if self.order.opset < LEAST_OPSET:
            raise InputError(f"opset: expected {LEAST_OPSET} or newer, got {self.order.opset}")


@dataclass(frozen=True, slots=True)
class OutputSteps:
    """An output in the source's own integers.

    Attributes:
        output: Its name.
        step: What one step is worth.
        most: How many steps the furthest element is apart.
        within_one: Share of the elements that are at most one step apart, 0 to 1.
    """

    output: str
    step: float
    most: int
    within_one: float


@dataclass(frozen=True, slots=True)
class SourceParity:
    """The ONNX model beside its source.

    Attributes:
        inputs: What both were given, in words.
        batches: The sizes of the batch that were tried.
        inputs_sha256: Digest of all inputs.
        outputs: One difference an output.
        agreement: How far both give the same answers; None where the task is not known.
        tolerance: What was allowed.
        failure: What is beyond it; empty if nothing is.
        first: The first layer that diverges, in words; empty if there is none, or it cannot be told.
        steps: The outputs that are integers in the source, in steps.
    """

    inputs: str
    batches: tuple[int, ...]
    inputs_sha256: str
    outputs: tuple[Difference, ...]
    agreement: TaskAgreement | None
    tolerance: Tolerance
    failure: str = ""
    first: str = ""
    steps: tuple[OutputSteps, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What came of a conversion.

    Attributes:
        source: The source as given.
        source_sha256: Digest of its files; of a factory, of its weights, empty if there are none.
        framework: Its framework.
        versions: Of the packages that computed it.
        exporter: The exporter with its version.
        fallbacks: Exporters that were tried before, each with why it failed.
        preprocess: What is declared of its preprocessing; None if nothing is.
        labels: Names of its classes.
        parity: The proof.
        notes: What else the user must know.
        model_sha256: Digest of the ONNX file.
        model_bytes: Its size.
        opset: Its operator set of ai.onnx.
        ir: Its IR version.
        inputs: What it takes.
        outputs: What it gives.
    """

    source: str
    source_sha256: str
    framework: str
    versions: Mapping[str, str]
    exporter: str
    fallbacks: tuple[str, ...]
    preprocess: Preprocess | None
    labels: tuple[str, ...]
    parity: SourceParity
    notes: tuple[str, ...]
    model_sha256: str = ""
    model_bytes: int = 0
    opset: int = 0
    ir: int = 0
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    def origin(self) -> dict[str, object]:
        """Return what the ONNX file says of where it comes from."""
        told = ("source_sha256", "framework", "versions", "exporter", "parity")
        return {name: getattr(self, name) for name in told}
