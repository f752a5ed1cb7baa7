"""What is asked of a quantization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.files import is_safe_name
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import DeviceProfile, InputKind
from edge_sdk.quantize.cache import Cache, NoCache
from edge_sdk.quantize.declare import ImageFlags
from edge_sdk.quantize.frontier import Pick
from edge_sdk.quantize.scheme import Scheme
from edge_sdk.tasks import Head, TaskKind

Progress = Callable[[str, "int | None"], AbstractContextManager[Callable[[int], None]]]
"""Starts a stage with a title and a count of steps; gives a function that is told the steps done."""


@contextmanager
def silent(_title: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    """Show no progress."""
    yield lambda _: None


@dataclass(frozen=True, slots=True)
class QuantRequest:
    """What is to be done.

    Attributes:
        model: The float ONNX file.
        profiles: The boards; one variant is made for each family among them.
        calibration: Samples whose ranges are measured; see `edge_sdk.samples`. None where there are samples to
            measure on and no board gets a family with calibrated ranges.
        preprocess: What turns them into inputs: the record, or flags for the common cases; None takes what the model
            carries, or nothing.
        labels: Labels: a CSV by file, COCO's JSON, or `FILE.npz:key`; None measures agreement alone.
        evaluation: Samples to measure on, where the labels do not name files.
        class_names: Names of the classes by index.
        task: What the model is for; None tells it from the outputs.
        head: How the outputs of the task are laid out; empty tells it from the outputs.
        scheme: How to quantize; None decides it by the graph and the board, see `edge_sdk.quantize.scheme`.
        max_drop_points: Greatest drop of the metric in points of 100; None takes the profiles'.
        min_agreement: Least agreement with the float model, 0 to 1; None takes the profiles'.
        min_integer_share: Least share of the work left in integers, 0 to 1; None takes the profiles'.
        input: What variants take, see `QuantPolicy`; None takes the profiles'.
        min_gain: How many times as fast as float a quantized variant must be; None takes each profile's.
        pick: Which plan is taken among those that hold the budget.
        calibration_samples: Most samples to calibrate with.
        shapes: Sizes of inputs that are free in the model.
        name: The package's name; the model's file name if empty.
        version: The package's version.
        trusts_data: Whether to go on though the samples contradict the model.
        cache: Keeps what was measured, for a run that is interrupted.
        shows_pictures: Whether the report may show samples whose answer changed; else it tells their names alone.
    """

    model: Path
    profiles: tuple[DeviceProfile, ...]
    calibration: str | None
    preprocess: Preprocess | ImageFlags | None = None
    labels: str | None = None
    evaluation: str | None = None
    class_names: tuple[str, ...] = ()
    task: TaskKind | None = None
    head: Head = ""
    scheme: Scheme | None = None
    max_drop_points: float | None = None
    min_agreement: float | None = None
    min_integer_share: float | None = None
    input: InputKind | None = None
    min_gain: float | None = None
    pick: Pick = "knee"
    calibration_samples: int = 200
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    name: str = ""
    version: int = 1
    trusts_data: bool = False
    cache: Cache = field(default_factory=NoCache)
    shows_pictures: bool = True

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There is no profile or one twice, there are no samples, the name cannot be a file name, or a
                bound is impossible.
        """
        if not self.profiles:
            raise InputError("profile: expected at least one board, got none")
        self._check_samples()
        names = [profile.name for profile in self.profiles]
        if len(set(names)) < len(names):
            raise InputError(f"profile: expected each board once, got {', '.join(names)}")
        if not is_safe_name(self.package_name):
            raise InputError(
                f"name: expected letters, digits, '.', '_', '-', got '{self.package_name}'", hint="give it with --name"
            )
        for name, count in (("calibration-samples", self.calibration_samples), ("version", self.version)):
            if count < 1:
                raise InputError(f"{name}: expected 1 or more, got {count}")
        for name, value, most in (
            ("max-drop", self.max_drop_points, 100),
            ("min-agreement", self.min_agreement, 1),
            ("min-integer-share", self.min_integer_share, 1),
            ("min-gain", self.min_gain, 100),
        ):
            if value is not None and not 0 <= value <= most:
                raise InputError(f"{name}: expected 0 to {most}, got {value:g}")

    def _check_samples(self) -> None:
        if self.calibration is None and self.evaluation is None:
            raise InputError(
                "calibration: expected samples, got none",
                hint="give --calibration DATA, or --evaluation DATA for a scheme without calibrated ranges",
            )

    @property
    def package_name(self) -> str:
        """The package's name."""
        return self.name or self.model.stem
