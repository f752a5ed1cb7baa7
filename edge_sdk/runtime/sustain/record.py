"""What a sustained measurement is asked, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.runtime.metrics import Figures
from edge_sdk.runtime.record import Policy, RunOptions, RunReport
from edge_sdk.runtime.sustain.processors import Processors
from edge_sdk.runtime.thrift.board import BoardState
from edge_sdk.runtime.usage import Usage


@dataclass(frozen=True, slots=True)
class SustainOptions:
    """How long is measured, and what must be reached.

    Attributes:
        duration_s: So many seconds.
        warm_up_s: The same is done for so many seconds before, and not measured.
        min_fps: So many results a second, or the bar is missed.
        max_p99_ms: One result in 100 may take longer: from capture, or to compute where all are of files.
        max_temperature_c: A processor that gets so hot is told, in degrees Celsius.
        policy: See `RunOptions`.
        at_once: See `RunOptions`.
    """

    duration_s: float
    warm_up_s: float = 0.0
    min_fps: float | None = None
    max_p99_ms: float | None = None
    max_temperature_c: float = 80.0
    policy: Policy | None = None
    at_once: int = 2

    def run_options(self, duration_s: float) -> RunOptions:
        """Return what a run of so many seconds is asked."""
        return RunOptions(policy=self.policy, at_once=self.at_once, duration_s=duration_s)

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: A limit is not positive, or a warm-up is negative.
        """
        if not self.warm_up_s >= 0:
            raise InputError(f"warm_up_s: expected 0 or more, got {self.warm_up_s:g}")
        for name in ("duration_s", "min_fps", "max_p99_ms"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise InputError(f"{name}: expected more than 0, got {limit:g}")


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen once a second.

    Attributes:
        at_s: Seconds since the run began.
        board: How the board fares.
        processors: What all of the machine's processors have done until now.
        used: What this process uses.
        frames: How many samples the model has done.
        frames_ms: What they took in all, from preprocessing to the result, in milliseconds.
    """

    at_s: float
    board: BoardState
    processors: Processors
    used: Usage
    frames: int
    frames_ms: float


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Why a measurement is not that of the machine as it is: it was held back for a while.

    Attributes:
        kind: What it was, such as `throttled`.
        evidence: What was seen.
        cure: What to do about it.
    """

    kind: str
    evidence: str
    cure: str


@dataclass(frozen=True, slots=True)
class Course:
    """How a value went over the time."""

    start: float
    least: float
    most: float
    end: float

    def after(self, value: float) -> Course:
        """Return how it went with one more value."""
        return Course(self.start, min(self.least, value), max(self.most, value), value)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the time.

    Attributes:
        from_s: When it began, in seconds since the run began.
        to_s: When it ended.
        results_per_s: Results a second.
        frame_ms: The mean of what a sample took, from preprocessing to the result; NaN where there was none.
        resident_bytes: Memory that was resident at its end.
    """

    from_s: float
    to_s: float
    results_per_s: float
    frame_ms: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Bar:
    """What had to be reached.

    Attributes:
        name: `min_fps` or `max_p99_ms`.
        wanted: The bar.
        got: What was measured; NaN where nothing was.
        is_met: Whether that is enough.
    """

    name: str
    wanted: float
    got: float
    is_met: bool


@dataclass(frozen=True, slots=True)
class SustainReport:
    """What was measured.

    Attributes:
        valid: Whether nothing held the machine back while it was measured, as far as it tells.
        disturbances: What did.
        told_by: What tells on this machine whether it is held back; empty where nothing does.
        shortened: Whether it ended before its time.
        bars: What had to be reached.
        notes: What a reader should know.
        asked_s: How long was to be measured.
        providers: The execution providers that ran the model.
        run: The run, its accounts and stages; these are over the whole time, within half a percent.
        first: The first minute, or third of the time if that is less.
        last: The last one.
        bare_start: onnxruntime alone on the first sample, before the run.
        bare_end: The same after it.
        slower_percent: How much longer a sample took in the last stretch than in the first.
        bare_slower_percent: How much longer onnxruntime alone took after the run: what of this is the machine's.
        cpu_cores: Processor time of this process, as processors that were busy all the time.
        outside_cores: That of all others; None where the machine does not tell.
        start_memory_bytes: Resident before the run, with the model.
        end_memory_bytes: Resident at its end.
        peak_memory_bytes: The most that this process ever had resident.
        temperature_c: Of the hottest processor, in degrees Celsius; None where none is measured.
        clock_hz: Of the fastest processor; None where none is told. It falls where there is little to do.
    """

    valid: bool
    disturbances: tuple[Disturbance, ...]
    told_by: tuple[str, ...]
    shortened: bool
    bars: tuple[Bar, ...]
    notes: tuple[str, ...]
    asked_s: float
    providers: tuple[str, ...]
    run: RunReport
    first: Stretch
    last: Stretch
    bare_start: Figures
    bare_end: Figures
    slower_percent: float
    bare_slower_percent: float
    cpu_cores: float
    outside_cores: float | None
    start_memory_bytes: int
    end_memory_bytes: int
    peak_memory_bytes: int
    temperature_c: Course | None
    clock_hz: Course | None
