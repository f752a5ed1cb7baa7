"""What agent and worker say to each other: one JSON object a line, `{"kind": {fields}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edge_sdk import records
from edge_sdk.errors import InputError

MAX_LINE_BYTES = 1 << 16
Phase = Literal["loading", "waiting", "running", "paused"]
"""The model is being opened · no source is there · samples are processed · they are let pass."""
Part = Literal["model", "source", "sink", "end"]
"""Whose fault the end of a worker was: of the model or its package, the sources, the sinks; or nobody's."""
Asked = Literal["shadow", "switch"]


@dataclass(frozen=True, slots=True)
class Begin:
    """The first line: what to run.

    Attributes:
        package: The package.
        sources: Where samples come from, as `edge-sdk run --source` takes them.
        sinks: Where results go besides the outbox, as `--sink` takes them.
        outbox: File of the outbox; empty for none.
        outbox_bytes: Room of each stream in it.
        profile: Name of the board's profile; empty finds out.
        policy: Which samples are processed; empty takes what is usual for the sources.
        score_threshold: Least score of a reported box; None is the package's.
        rate_hz: At most so many samples a second of each source; 0 takes all.
        is_paused: Whether to begin paused.
        max_memory_bytes: How much memory it may allocate; 0 sets no limit.
    """

    package: str
    sources: tuple[str, ...]
    sinks: tuple[str, ...] = ()
    outbox: str = ""
    outbox_bytes: dict[str, int] = field(default_factory=dict)
    profile: str = ""
    policy: Literal["", "newest", "every"] = ""
    score_threshold: float | None = None
    rate_hz: float = 0.0
    is_paused: bool = False
    max_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Shadow:
    """Run another package beside the one in use, and say how far they agree; nothing takes over."""

    package: str
    samples: int
    within_s: float
    name: ClassVar[Asked] = "shadow"


@dataclass(frozen=True, slots=True)
class Switch:
    """Let another package take over, between two samples."""

    package: str
    name: ClassVar[Asked] = "switch"


@dataclass(frozen=True, slots=True)
class Pause:
    """Let samples pass by."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Process samples again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Process at most so many samples a second of each source; 0 for all."""

    hz: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish the sample in hand, write what waits, and end."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is open.

    Attributes:
        package_sha256: Digest of the package that was read.
        model_sha256: Digest of the bytes that onnxruntime was given.
        family: Which variant they are.
        versions: Of what runs it.
    """

    package_sha256: str
    model_sha256: str
    family: str
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beat:
    """How it went since the last beat, a second ago.

    Attributes:
        phase: What it does.
        model_sha256: Digest of the bytes that are loaded; empty while there are none.
        results: Samples that gave a result.
        errors: Samples that gave none.
        nan: Samples for which the model gave something that is no finite number; not among the errors.
        latency_p50_ms: Median of what a sample took from preprocessing to decoding; 0 without results.
        latency_p99_ms: And the 99th percentile.
        resident_bytes: Memory of the worker.
        stuck_s: How long a sample has been in the model; 0 if none is.
        total: All results since it began, of all models.
    """

    phase: Phase
    model_sha256: str = ""
    results: int = 0
    errors: int = 0
    nan: int = 0
    latency_p50_ms: float = 0.0
    latency_p99_ms: float = 0.0
    resident_bytes: int = 0
    stuck_s: float = 0.0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of `Shadow`.

    Attributes:
        samples: How many samples both ran on.
        agreement: Mean agreement of their results, 0 to 1; 0 without samples.
        latency_ratio: The candidate's median latency as a multiple of that of the model in use; 0 if not known.
        memory_bytes: What the candidate took.
    """

    samples: int
    agreement: float
    latency_ratio: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Switched:
    """Another package has taken over; as in `Loaded`."""

    package_sha256: str
    model_sha256: str
    family: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for could not be done; what ran before still runs.

    Attributes:
        request: Of which request.
        cause: Why.
    """

    request: Asked
    cause: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A source or the model is in another state; see `edge_sdk.runtime.events`."""

    source: str
    before: str
    after: str
    cause: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last line of a worker that comes to an end by itself.

    Attributes:
        part: Whose fault it was.
        cause: What happened.
    """

    part: Part
    cause: str


Request = Begin | Shadow | Switch | Pause | Resume | Rate | Stop
Report = Loaded | Beat | Compared | Switched | Refused | Happened | Ended
_REQUESTS: tuple[type[Request], ...] = (Begin, Shadow, Switch, Pause, Resume, Rate, Stop)
_REPORTS: tuple[type[Report], ...] = (Loaded, Beat, Compared, Switched, Refused, Happened, Ended)


def encode(message: Request | Report) -> bytes:
    """Return a message as a line."""
    data = {type(message).__name__.lower(): records.to_data(message)}
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """Read what the agent asks for.

    Raises:
        InputError: The line is no request.
    """
    request: Request = _decode(line, {kind.__name__.lower(): kind for kind in _REQUESTS}, where="agent")
    return request


def decode_report(line: bytes) -> Report:
    """Read what the worker tells.

    Raises:
        InputError: The line is no report.
    """
    report: Report = _decode(line, {kind.__name__.lower(): kind for kind in _REPORTS}, where="worker")
    return report


def _decode(line: bytes, kinds: Mapping[str, Any], *, where: str) -> Any:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: expected a line of JSON, got {line[:80]!r}") from exc
    if not isinstance(data, dict) or len(data) != 1 or (kind := next(iter(data))) not in kinds:
        raise InputError(f"{where}: expected one of {', '.join(kinds)}, got {line[:80]!r}")
    return records.read(kinds[kind], data[kind], where=f"{where}: {kind}", unknown="ignore")
