"""What a profile says of a kind of board: each field is a key of its TOML file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from edge_sdk.errors import InputError

Family = Literal[
    "fp32",
    "fp16",
    "arm-int8",
    "x86-int8",
    "tensorrt-int8",
    "tensorrt-int8-typed",
    "dynamic-int8",
    "weight-int8",
    "weight-int4",
]
"""The kind of variant a board runs: how its numbers are stored and where Q/DQ pairs stand."""
Precision = Literal["fp32", "fp16", "bf16", "int8", "fp8", "fp4"]
CpuFeature = Literal["neon", "dotprod", "fp16", "bf16", "i8mm", "sve2", "avx2", "avx512", "vnni"]
RangeMethod = Literal["auto", "minmax", "percentile", "mse", "entropy"]
InputKind = Literal["auto", "float", "pixels"]

_GPU_PRECISION: dict[Family, Precision] = {"fp16": "fp16", "tensorrt-int8": "int8", "tensorrt-int8-typed": "int8"}
"""What the GPU must compute for a family; the other families run on the CPU."""
_TENSORRT = "TensorrtExecutionProvider"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MODULE = re.compile(r"p\d{4}-\d{4}(-super)?")
_PYTHON = re.compile(r"\d+\.\d+")
_TENSORRT_VERSION = re.compile(r"\d+\.\d+(\.\d+)*")
_WEAK_TYPES = ("trt_fp16_enable", "trt_int8_enable")
"""Options with which TensorRT chose types by itself; TensorRT 11 takes those of the file."""
_TYPED_OPSET = 19
"""The first operator set with Q/DQ in float16."""
_ONNXRUNTIME = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor of the smallest board of the kind.

    Attributes:
        arch: The instruction set of the system.
        core: The name of the core, such as `Cortex-A76`.
        cores: Number of cores.
        clock_mhz: Highest clock of a core.
        features: What decides which integer kernels onnxruntime picks.
    """

    arch: Literal["aarch64", "x86_64"]
    core: str
    cores: int
    clock_mhz: int
    features: frozenset[CpuFeature]


@dataclass(frozen=True, slots=True)
class Gpu:
    """The graphics processor.

    Attributes:
        name: Its name.
        compute_capability: NVIDIA's number for its generation, such as `8.7`.
        precisions: Those that its hardware computes, not only stores.
    """

    name: str
    compute_capability: str
    precisions: frozenset[Precision]


@dataclass(frozen=True, slots=True)
class System:
    """The operating system that the profile speaks of, and what can be installed there.

    Attributes:
        name: The system, such as `Raspberry Pi OS (Trixie), 64 bit`.
        python: The system's Python, such as `3.13`.
        onnxruntime: The newest onnxruntime there that has the providers, such as `1.32.0`.
        max_opset: The newest ai.onnx operator set that this onnxruntime, and TensorRT where there is one, loads.
        max_ir: The newest ONNX IR version that this onnxruntime loads.
        tensorrt: The TensorRT of the system, or None.
    """

    name: str
    python: str
    onnxruntime: str
    max_opset: int
    max_ir: int
    tensorrt: str | None = None

    def __post_init__(self) -> None:
        """Check the versions.

        Raises:
            InputError: One is not written as a version.
        """
        if _PYTHON.fullmatch(self.python) is None:
            raise InputError(f"python: expected a version such as 3.13, got '{self.python}'")
        if _ONNXRUNTIME.fullmatch(self.onnxruntime) is None:
            raise InputError(f"onnxruntime: expected a version such as 1.32.0, got '{self.onnxruntime}'")
        if self.tensorrt is not None and _TENSORRT_VERSION.fullmatch(self.tensorrt) is None:
            raise InputError(f"tensorrt: expected a version such as 10.3.0, got '{self.tensorrt}'")

    @property
    def tensorrt_version(self) -> tuple[int, ...]:
        """The version of TensorRT as numbers; empty where there is none."""
        return tuple(int(part) for part in self.tensorrt.split(".")) if self.tensorrt else ()


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider of onnxruntime.

    Attributes:
        name: As onnxruntime calls it.
        options: Its options, as text; onnxruntime takes `True` and `False` for switches, not `1` and `0`.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of one session.

    Attributes:
        intra_op: Threads inside an operator; 0 takes all processors that the process may use.
        spinning: Whether idle threads spin: they answer a little sooner and burn a core while they wait.
    """

    intra_op: int
    spinning: bool = False


@dataclass(frozen=True, slots=True)
class QuantPolicy:
    """How a model is quantized for the board, and how much it may lose.

    Attributes:
        range_method: How the range of an activation tensor is chosen from its histogram; `auto` takes for each tensor
            the way that disturbs least what the next layers make of it on calibration samples.
        max_drop_points: Greatest accepted loss of the task's metric, in points of 100.
        min_agreement: Least accepted mean agreement with the float model, 0 to 1, of tasks with one answer a sample.
        min_box_agreement: The same for tasks that find boxes, where one that passes the score threshold by a hair, and
            then misses it by one, is a disagreement of its own.
        min_integer_share: Least accepted share of multiply-accumulates left in integer kernels, 0 to 1.
        input: What models of pictures take: `pixels` as they are, `float` values that are normalized before, or `auto`:
            pixels where the model allows it.
        min_gain: How many times as fast as the board's float variant a quantized one must be; below it, the float
            variant is the better answer. 0 always quantizes.
    """

    range_method: RangeMethod = "auto"
    max_drop_points: float = 0.5
    min_agreement: float = 0.94
    min_box_agreement: float = 0.85
    min_integer_share: float = 0.5
    input: InputKind = "auto"
    min_gain: float = 1.05

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: One is out of its range.
        """
        for name, value, most in (
            ("max_drop_points", self.max_drop_points, 100),
            ("min_agreement", self.min_agreement, 1),
            ("min_box_agreement", self.min_box_agreement, 1),
            ("min_integer_share", self.min_integer_share, 1),
            ("min_gain", self.min_gain, 100),
        ):
            if not 0 <= value <= most:
                raise InputError(f"{name}: expected 0 to {most}, got {value:g}")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one model may take on the board.

    Attributes:
        model_bytes: Size of its file.
        memory_bytes: Memory while it runs.
        latency_ms: Time of one inference, or None where nothing is said.
    """

    model_bytes: int
    memory_bytes: int
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast the board computes: what the cost model of a quantization goes by.

    Rates are those that large operators reach, of one thread of a CPU or of the whole GPU; from published times, which
    `sources` names.

    Attributes:
        fp32_gmacs_per_s: Multiply-accumulates of float32 in a second, in thousand millions.
        memory_gb_per_s: Bytes that pass between memory and the engine in a second, in thousand millions.
        int8_gmacs_per_s: The same as the first for int8, or None where there is none.
        fp16_gmacs_per_s: The same for float16, or None where there is none.
        operator_us: What each operator takes besides, in microseconds.
    """

    fp32_gmacs_per_s: float
    memory_gb_per_s: float
    int8_gmacs_per_s: float | None = None
    fp16_gmacs_per_s: float | None = None
    operator_us: float = 0.0

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            InputError: A rate is not above 0, or a time below it.
        """
        for name, value in (
            ("fp32_gmacs_per_s", self.fp32_gmacs_per_s),
            ("memory_gb_per_s", self.memory_gb_per_s),
            ("int8_gmacs_per_s", self.int8_gmacs_per_s),
            ("fp16_gmacs_per_s", self.fp16_gmacs_per_s),
        ):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name}: expected more than 0, got {value:g}")
        if not 0 <= self.operator_us < math.inf:
            raise InputError(f"operator_us: expected 0 or more, got {self.operator_us:g}")


@dataclass(frozen=True, slots=True)
class Detection:
    """The marks that tell the board from others; each one is enough by itself.

    Attributes:
        device_tree: Strings of `/proc/device-tree/compatible`.
        model_contains: Parts of `/proc/device-tree/model`, for boards that share their compatible strings with others.
        jetson_modules: NVIDIA's module ids, such as `p3767-0003`; `-super` at the end stands for the Super device tree.
        any_board: Whether the profile stands for all boards of its architecture and CPU features that no other names.
    """

    device_tree: tuple[str, ...] = ()
    model_contains: tuple[str, ...] = ()
    jetson_modules: tuple[str, ...] = ()
    any_board: bool = False

    def __post_init__(self) -> None:
        """Check the module ids.

        Raises:
            InputError: One is not written as a module id.
        """
        for module in self.jetson_modules:
            if _MODULE.fullmatch(module) is None:
                raise InputError(f"jetson_modules: expected an id such as p3767-0003, got '{module}'")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure of the profile comes from.

    Attributes:
        says: What the source says.
        where: Its address.
    """

    says: str
    where: str


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One kind of board: what it has, what it can load, how a model is quantized for it.

    Attributes:
        name: The profile's name: lower-case words joined by `-`.
        title: The board's name, for people.
        cpu: The processor.
        memory_bytes: Memory of the smallest board of this kind.
        system: The operating system and its onnxruntime.
        providers: Execution providers in the order of preference.
        threads: Threads of a session.
        families: The variant families that it runs, best first; a model is quantized for the first.
        budget: What one model may take.
        sources: Where the figures come from.
        aliases: Other names of the board, and boards with the same parts.
        gpu: The graphics processor that a provider uses, or None.
        session: Configuration entries for onnxruntime's session options.
        quantization: How a model is quantized for it.
        detection: How the board is told from others.
        speed: How fast it computes, or None where nothing is known: then the CPU's features and clock tell.
        max_temperature_c: How hot its processors may be before a run does less (`--ladder`); firmware holds most boards
            back from 80 to 85 degrees Celsius on.
        notes: What a user of this board must know, a sentence each.
    """

    name: str
    title: str
    cpu: Cpu
    memory_bytes: int
    system: System
    providers: tuple[Provider, ...]
    threads: Threads
    families: tuple[Family, ...]
    budget: Budget
    sources: tuple[Source, ...]
    aliases: tuple[str, ...] = ()
    gpu: Gpu | None = None
    session: dict[str, str] = field(default_factory=dict)
    quantization: QuantPolicy = field(default_factory=QuantPolicy)
    detection: Detection = field(default_factory=Detection)
    speed: Speed | None = None
    max_temperature_c: float = 80.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what one field alone cannot say.

        Raises:
            InputError: The profile contradicts itself.
        """
        for name in (self.name, *self.aliases):
            if _NAME.fullmatch(name) is None:
                raise InputError(f"name, aliases: expected lower-case words joined by '-', got '{name}'")
        self._check_families()
        self._check_sizes()

    @property
    def family(self) -> Family:
        """The variant family that a model is quantized for."""
        return self.families[0]

    def _check_families(self) -> None:
        if not self.families:
            raise InputError("families: expected at least one variant family, got none")
        if not self.providers:
            raise InputError("providers: expected at least one execution provider, got none")
        for family in self.families:
            needed = _GPU_PRECISION.get(family)
            if needed and (self.gpu is None or needed not in self.gpu.precisions):
                got = ", ".join(sorted(self.gpu.precisions)) if self.gpu else "no gpu"
                raise InputError(
                    f"families: expected a gpu with {needed} for {family}, got {got}", hint=f"leave {family} out"
                )
        if self.system.tensorrt is None and any(provider.name == _TENSORRT for provider in self.providers):
            raise InputError(f"system.tensorrt: expected a version for {_TENSORRT}, got none")
        self._check_types()

    def _check_types(self) -> None:
        """Check that TensorRT takes the types of the families: by itself before version 11, from the file since 10."""
        version, given = self.system.tensorrt_version, self.system.tensorrt
        if version >= (11,) and "tensorrt-int8" in self.families:
            raise InputError(
                f"families: expected tensorrt-int8-typed for TensorRT {given}, got tensorrt-int8",
                hint="TensorRT 11 takes the types from the file only",
            )
        if "tensorrt-int8-typed" in self.families and (version < (10,) or self.system.max_opset < _TYPED_OPSET):
            raise InputError(
                f"families: expected TensorRT 10 and operator set {_TYPED_OPSET} or newer for tensorrt-int8-typed, "
                f"got {given or 'none'} and {self.system.max_opset}",
                hint="take tensorrt-int8",
            )
        told = [key for provider in self.providers for key in _WEAK_TYPES if key in provider.options]
        if version >= (11,) and told:
            raise InputError(
                f"providers.options: expected no {told[0]} for TensorRT {given}, got it",
                hint="TensorRT 11 takes the types from the file only",
            )

    def _check_sizes(self) -> None:
        for place, size in (
            ("cpu.cores", self.cpu.cores),
            ("cpu.clock_mhz", self.cpu.clock_mhz),
            ("budget.model_bytes", self.budget.model_bytes),
        ):
            if size < 1:
                raise InputError(f"{place}: expected at least 1, got {size}")
        for place, size, most_at, most in (
            ("threads.intra_op", self.threads.intra_op, "cpu.cores", self.cpu.cores),
            ("budget.memory_bytes", self.budget.memory_bytes, "memory_bytes", self.memory_bytes),
            ("budget.model_bytes", self.budget.model_bytes, "budget.memory_bytes", self.budget.memory_bytes),
        ):
            if not 0 <= size <= most:
                raise InputError(f"{place}: expected 0 to {most} ({most_at}), got {size}")
