"""The boards, as data: one TOML file a board.

- A board is found by its name, an alias, or the path of a profile file of the user's own.
- What a profile says is checked when it is read; a mistake is told by its dotted place with the nearest known key.
- Nothing in the code knows the name of a board: what differs between boards is a field here.
- Detection reads only files below a root folder, so that a test can give it a board made of files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_sdk import files, records
from edge_sdk.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Family = Literal["fp32", "fp16", "arm-int8", "tensorrt-int8"]
"""The kind of variant a board runs: how its numbers are stored and where Q/DQ pairs stand."""
Precision = Literal["fp32", "fp16", "bf16", "int8", "fp8", "fp4"]
CpuFeature = Literal["neon", "dotprod", "fp16", "bf16", "i8mm", "sve2", "avx2", "avx512", "vnni"]
RangeMethod = Literal["minmax", "percentile", "mse"]

_MAX_PROFILE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor. `features` decide which integer kernels onnxruntime picks."""

    arch: Literal["aarch64", "x86_64"]
    core: str
    cores: int
    clock_mhz: int
    features: frozenset[CpuFeature]


@dataclass(frozen=True, slots=True)
class Gpu:
    """The graphics processor; `precisions` are those that its hardware computes faster than by emulation."""

    name: str
    compute_capability: str
    precisions: frozenset[Precision]


@dataclass(frozen=True, slots=True)
class System:
    """The operating system and the newest onnxruntime that can be installed there.

    Attributes:
        name: The system, such as `Raspberry Pi OS (Trixie), 64 bit`.
        python: The system's Python, such as `3.13`.
        onnxruntime: The newest onnxruntime for it, such as `1.32.0`.
        max_opset: The newest ai.onnx operator set that this onnxruntime loads.
        max_ir: The newest ONNX IR version that this onnxruntime loads.
        tensorrt: The TensorRT of the system, or None.
    """

    name: str
    python: str
    onnxruntime: str
    max_opset: int
    max_ir: int
    tensorrt: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider of onnxruntime and its options, as text."""

    name: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads of one session. Spinning threads answer a little sooner and burn a core while they wait."""

    intra_op: int
    spinning: bool = False


@dataclass(frozen=True, slots=True)
class QuantPolicy:
    """How a model is quantized for the board, and how much it may lose.

    Attributes:
        range_method: How the range of an activation tensor is chosen from its histogram.
        max_drop_points: Greatest accepted loss of the task's metric, in points of 100.
        min_agreement: Least accepted mean agreement with the float model, 0 to 1.
        min_integer_share: Least accepted share of multiply-accumulates left in integer kernels, 0 to 1.
    """

    range_method: RangeMethod = "mse"
    max_drop_points: float = 0.5
    min_agreement: float = 0.94
    min_integer_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Budget:
    """What one model may take on the board; None where nothing is said."""

    model_bytes: int
    memory_bytes: int
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """How the board is told from others; every given kind of mark is enough by itself.

    Attributes:
        device_tree: Strings of `/proc/device-tree/compatible`.
        model_contains: Parts of `/proc/device-tree/model`, for boards that share their compatible strings.
        jetson_modules: NVIDIA module ids, such as `p3767-0003`.
    """

    device_tree: tuple[str, ...] = ()
    model_contains: tuple[str, ...] = ()
    jetson_modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure of the profile comes from."""

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
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what one field alone cannot say.

        Raises:
            InputError: The profile contradicts itself.
        """
        if not self.families:
            raise InputError("families: expected at least one variant family, got none")
        if not self.providers:
            raise InputError("providers: expected at least one execution provider, got none")
        if "tensorrt-int8" in self.families and (self.gpu is None or "int8" not in self.gpu.precisions):
            raise InputError(
                "families: expected a gpu with int8 for tensorrt-int8, got none", hint="leave tensorrt-int8 out"
            )
        if not 1 <= self.threads.intra_op <= self.cpu.cores:
            raise InputError(
                f"threads.intra_op: expected 1 to {self.cpu.cores} (cpu.cores), got {self.threads.intra_op}"
            )

    @property
    def family(self) -> Family:
        """The variant family that a model is quantized for."""
        return self.families[0]


def profiles_folder() -> Path:
    """Return the folder of the profiles that come with edge-sdk, in a checkout or in an installed wheel."""
    package = Path(__file__).resolve().parent
    installed = package / "device_profiles"
    return installed if installed.is_dir() else package.parent / "device_profiles"


def read_profile(path: Path) -> DeviceProfile:
    """Read a profile from its TOML file.

    Raises:
        InputError: It is not TOML, or not a profile; each mistake with its dotted place.
    """
    try:
        data = tomllib.loads(files.read_bytes(path, max_bytes=_MAX_PROFILE_BYTES).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: expected TOML, got {exc}") from exc
    return records.read(DeviceProfile, data, where=str(path))


def list_profiles(folder: Path | None = None) -> tuple[DeviceProfile, ...]:
    """Return all profiles of a folder, by name.

    Args:
        folder: Where the TOML files are; the profiles of edge-sdk if None.

    Raises:
        InputError: The folder has no profiles, a profile has a mistake, or two claim one name.
    """
    place = folder or profiles_folder()
    found = tuple(read_profile(path) for path in sorted(place.glob("*.toml")))
    if not found:
        raise InputError(f"{place}: expected device profiles (*.toml), got none")
    _by_name(found, where=str(place))
    return found


def load_profile(name_or_path: str, folder: Path | None = None) -> DeviceProfile:
    """Return the profile of a board, by name, alias, or the path of a profile file.

    Raises:
        InputError: There is no such board, or the file has a mistake.

    Example:
        >>> load_profile("raspberry-pi-5").families[0]
        'arm-int8'
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        return read_profile(path)
    place = folder or profiles_folder()
    direct = place / f"{name_or_path}.toml"
    if direct.is_file():
        return read_profile(direct)
    known = _by_name(list_profiles(place), where=str(place))
    if name_or_path in known:
        return known[name_or_path]
    raise InputError(
        f"profile: expected a known board or a .toml file, got '{name_or_path}'"
        + records.near_match(name_or_path, list(known)),
        hint="edge-sdk profiles list shows all boards",
    )


def _by_name(profiles: tuple[DeviceProfile, ...], *, where: str) -> Mapping[str, DeviceProfile]:
    known: dict[str, DeviceProfile] = {}
    for profile in profiles:
        for name in (profile.name, *profile.aliases):
            if name in known:
                raise InputError(
                    f"{where}: expected unique names, got '{name}' in {known[name].name} and {profile.name}"
                )
            known[name] = profile
    return known
