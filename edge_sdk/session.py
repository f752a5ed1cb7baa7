"""The only opener of ONNX models.

- A session runs on the providers it was promised, or is refused: onnxruntime itself falls back without an error, when
  it opens a model and again when a provider fails in a run.
- Threads do not spin unless the profile says so (spinning burns 42 % of a core at 10 Hz, see docs/decisions).
- Integer arithmetic is exact: where the host's would saturate (AVX2 without VNNI), onnxruntime is told to avoid it.
- TensorRT keeps the engines of each model in a folder of their own.
- Sessions are made one at a time, whichever threads ask: making them is not promised to be safe beside each other.
- `save_plan` shows what an ARM board would execute, on any machine.
- Nothing is reported to anybody: onnxruntime 1.29 and newer send events to their maker unless they are told not to
  before they are imported.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import sha256_hex, sha256_of_file, unwritable
from edge_sdk.profiles import DeviceProfile, Family, Provider, read_cpu
from edge_sdk.profiles.processors import usable_processors
from edge_sdk.tensors import Array, Tensors, TensorSpec

if TYPE_CHECKING:
    import onnxruntime

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # docs/decisions/0007-no-telemetry.md

_CPU = Provider("CPUExecutionProvider")
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(uint32)": "uint32",
    "tensor(int32)": "int32",
    "tensor(uint64)": "uint64",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}
_SOME_FAMILIES: Mapping[str, tuple[Family, ...]] = {"trt_int8_enable": ("tensorrt-int8", "tensorrt-int8-typed")}
"""Options for some families only: in a model without Q/DQ pairs, TensorRT would want int8 to be calibrated."""
_ENGINES = "trt_engine_cache_path"
_RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
_CREATING = threading.Lock()
_AVOID_SATURATION = {"session.x64quantprecision": "1"}
"""Makes onnxruntime turn int8 weights into uint8, whose products AVX2 sums without saturating at 16 bits; slower."""
_INT8_AS_ON_ARM = {"session.qdqisint8allowed": "1"}
"""Keeps int8 as it is, as on ARM; onnxruntime for x86 would turn it into uint8 first."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How a model is opened.

    Attributes:
        providers: Execution providers in the order of preference; all of them must be there.
        threads: Threads inside an operator; 0 takes those that this process may use, and more than those are not taken.
        spinning: Whether idle threads spin.
        entries: Configuration entries of onnxruntime's session options.
        optimized: Whether onnxruntime rewrites the graph; without, operators run one by one as they stand in the file.
    """

    providers: tuple[Provider, ...] = (_CPU,)
    threads: int = 0
    spinning: bool = False
    entries: Mapping[str, str] = field(default_factory=dict)
    optimized: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """What onnxruntime tells of a few runs.

    Attributes:
        profile: Its events, a JSON list: operators as they were executed, with their providers and times.
        assigned: Provider and operator of each node before providers fused theirs; empty before onnxruntime 1.24.
    """

    profile: bytes
    assigned: tuple[tuple[str, str], ...]


class Session:
    """An opened model.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
        providers: The execution providers that it really has.
        digest: What determines its results on this machine: SHA-256 of the model, and how it was opened.
    """

    def __init__(self, inner: onnxruntime.InferenceSession, *, digest: str, where: str) -> None:
        self.inputs = tuple(_spec(arg, where) for arg in inner.get_inputs())
        self.outputs = tuple(_spec(arg, where) for arg in inner.get_outputs())
        self.providers = tuple(inner.get_providers())
        self.digest = digest
        self._names = [output.name for output in self.outputs]
        self._inner = inner
        self._where = where

    def run(self, tensors: Tensors) -> dict[str, Array]:
        """Compute the outputs.

        Args:
            tensors: One array for each input.

        Raises:
            InputError: The arrays do not fit the inputs.
        """
        wanted = {spec.name for spec in self.inputs}
        if tensors.keys() != wanted:
            raise InputError(f"{self._where}: expected inputs {_listed(wanted)}, got {_listed(tensors)}")
        for spec in self.inputs:
            spec.check(tensors[spec.name], where=self._where)
        try:
            values = self._inner.run(self._names, dict(tensors))
        except _ort_errors() as exc:
            raise InputError(f"{self._where}: expected inputs that it can run, got {_first_line(exc)}") from exc
        return dict(zip(self._names, values, strict=True))

    def run_bare(self, tensors: Tensors) -> list[Array]:
        """Compute the outputs by onnxruntime's own call, with nothing checked: the measure for what `run` costs."""
        return list(self._inner.run(None, tensors))


def config_for(profile: DeviceProfile, family: Family) -> SessionConfig:
    """Return how a board of this kind opens a variant of this family."""
    return SessionConfig(
        providers=tuple(_for_family(provider, family) for provider in profile.providers),
        threads=profile.threads.intra_op,
        spinning=profile.threads.spinning,
        entries=profile.session,
    )


def host_config(entries: Mapping[str, str] | None = None) -> SessionConfig:
    """Return how this machine opens a model to measure what it computes: on the CPU, with exact integer sums."""
    arch, features = read_cpu()
    saturates = arch == "x86_64" and "vnni" not in features
    return SessionConfig(entries={**(_AVOID_SATURATION if saturates else {}), **(entries or {})})


def arm_config() -> SessionConfig:
    """Return how this machine opens a model as near to ARM boards as it can sum exactly.

    int8 stays int8. Where products of uint8 and int8 saturate (an integer LSTM has them in any family), all int8
    becomes uint8 instead, the same integers, 128 higher: onnxruntime has no products of int8 and weights made uint8.
    """
    return SessionConfig(entries=host_config().entries or _INT8_AS_ON_ARM)


def open_session(model: bytes | Path, config: SessionConfig, *, where: str) -> Session:
    """Open an ONNX model.

    Args:
        model: The serialized model, or its file.
        config: How to open it.
        where: What messages call it.

    Raises:
        InputError: It is not a model that this onnxruntime can run, or it does not take and give tensors.
        UnavailableError: A promised execution provider is not there, or TensorRT's engines have no place.
    """
    import onnxruntime

    _require_providers(config.providers, onnxruntime.get_available_providers(), where)
    try:
        with _CREATING:
            inner = onnxruntime.InferenceSession(
                str(model) if isinstance(model, Path) else model,
                _options(config),
                providers=[(provider.name, _own_engines(provider.options, model)) for provider in config.providers],
                enable_fallback=0,
            )
    except _ort_errors() as exc:
        raise InputError(
            f"{where}: expected a model that onnxruntime {onnxruntime.__version__} can load, got {_first_line(exc)}"
        ) from exc
    session = Session(inner, digest=f"{_digest(model)} {config}", where=where)
    _require_providers(config.providers, session.providers, where)
    return session


def save_plan(model: bytes, plan: Path, *, where: str, entries: Mapping[str, str] | None = None) -> None:
    """Write the graph that onnxruntime would execute on an ARM CPU.

    The x86-only float layout (NCHWc) is left out, and int8 stays int8 as on ARM (`session.qdqisint8allowed`; x86 would
    turn it into uint8 first).

    Args:
        model: The serialized model.
        plan: Where to write the optimized ONNX file.
        where: What messages call the model.
        entries: Further configuration entries of the board.

    Raises:
        InputError: It is not a model that this onnxruntime can load.
        UnavailableError: The plan cannot be written.
    """
    import onnxruntime

    config = SessionConfig(entries={**_INT8_AS_ON_ARM, **(entries or {})}, threads=1)
    try:
        options = _options(config)
        options.optimized_model_filepath = str(plan)
        onnxruntime.InferenceSession(
            model,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["NchwcTransformer"],
            enable_fallback=0,
        )
    except _ort_errors() as exc:
        if unwritten := re.search(r"SystemError : (\d+)", str(exc)):  # how onnxruntime names the errno of its writing
            raise unwritable(plan, OSError(int(unwritten[1]), os.strerror(int(unwritten[1])))) from exc
        raise InputError(f"{where}: expected a model that onnxruntime can load, got {_first_line(exc)}") from exc


def record_runs(model: bytes | Path, config: SessionConfig, tensors: Tensors, *, runs: int, where: str) -> Recorded:
    """Run a model some times and return what onnxruntime tells of it.

    Args:
        model: The serialized model, or its file.
        config: How to open it.
        tensors: One array for each input.
        runs: How often.
        where: What messages call it.

    Raises:
        InputError: The model cannot be loaded, or the arrays do not fit.
        UnavailableError: There is no place for the record.
    """
    import tempfile

    import onnxruntime

    try:
        with tempfile.TemporaryDirectory() as folder:
            options = _options(replace(config, entries={**config.entries, _RECORD_ASSIGNMENT: "1"}))
            options.enable_profiling, options.profile_file_prefix = True, f"{folder}/run"
            inner = onnxruntime.InferenceSession(
                str(model) if isinstance(model, Path) else model,
                options,
                providers=[(provider.name, _own_engines(provider.options, model)) for provider in config.providers],
                enable_fallback=0,
            )
            for _ in range(runs):
                inner.run(None, dict(tensors))
            return Recorded(Path(inner.end_profiling()).read_bytes(), tuple(_assigned(inner)))
    except OSError as exc:
        raise unwritable(Path(tempfile.gettempdir()), exc) from exc
    except _ort_errors() as exc:
        raise InputError(f"{where}: expected a model and inputs that it can run, got {_first_line(exc)}") from exc


def runtime_version() -> str:
    """Return the version of onnxruntime that is installed."""
    import onnxruntime

    return str(onnxruntime.__version__)


def usable_threads() -> int:
    """Return how many processors this process may use (its CPU set and quota, not the machine's count)."""
    return usable_processors()


def _options(config: SessionConfig) -> onnxruntime.SessionOptions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if config.optimized else levels.ORT_DISABLE_ALL
    usable = usable_threads()
    options.intra_op_num_threads = min(config.threads, usable) or usable
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    spinning = {"session.intra_op.allow_spinning": str(int(config.spinning))}
    for key, value in {**spinning, **config.entries}.items():
        options.add_session_config_entry(key, value)
    return options


def _assigned(inner: onnxruntime.InferenceSession) -> Iterator[tuple[str, str]]:
    if hasattr(inner, "get_provider_graph_assignment_info"):
        for part in inner.get_provider_graph_assignment_info():
            yield from ((part.ep_name, node.op_type) for node in part.get_nodes())


def _for_family(provider: Provider, family: Family) -> Provider:
    options = {key: value for key, value in provider.options.items() if family in _SOME_FAMILIES.get(key, (family,))}
    return replace(provider, options=options)


def _own_engines(options: Mapping[str, str], model: bytes | Path) -> dict[str, str]:
    """Return a provider's options with a folder for this model's engines.

    onnxruntime names them after the graph's names, so that a model trained again would get the engine of the old one.
    """
    if _ENGINES not in options:
        return dict(options)
    folder = Path(options[_ENGINES]) / _digest(model)[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)  # TensorRT itself makes the last folder only
    except OSError as exc:
        raise unwritable(folder, exc) from exc
    return {**options, _ENGINES: str(folder)}


def _digest(model: bytes | Path) -> str:
    return sha256_of_file(model) if isinstance(model, Path) else sha256_hex(model)


def _require_providers(wanted: Sequence[Provider], present: Sequence[str], where: str) -> None:
    missing = [provider.name for provider in wanted if provider.name not in present]
    if missing:
        raise UnavailableError(
            f"{where}: expected execution provider {', '.join(missing)}, got {', '.join(present)}",
            hint="install the board's own onnxruntime build, or choose a profile that this machine can run",
        )


def _spec(arg: Any, where: str) -> TensorSpec:
    if arg.type not in _DTYPES:
        raise InputError(f"{where}: expected tensors of a type that NumPy has, got {arg.name} as {arg.type}")
    shape = tuple(size if isinstance(size, int) else str(size or f"axis{i}") for i, size in enumerate(arg.shape))
    return TensorSpec(arg.name, _DTYPES[arg.type], shape)


def _ort_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*kinds, RuntimeError, ValueError)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
