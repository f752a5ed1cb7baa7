"""What can happen in a swap: what `step` is told, each by who has done what was to be done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A swap is asked for."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """It is known what the candidate will take and what there is."""

    expected_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class Emptied:
    """The model in use is closed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The candidate is open."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """The candidate computes what it should, and has taken this much memory."""

    memory_bytes: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Both ran on a sample.

    Attributes:
        agreement: How far they agree, 0 to 1.
        active_ms: What the model in use took.
        candidate_ms: What the candidate took.
        memory_bytes: What it has taken in memory.
    """

    agreement: float
    active_ms: float
    candidate_ms: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Waited:
    """There was no sample to compare on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Switched:
    """The candidate has taken over.

    Attributes:
        active_ms: What the model before took, by the median; NaN if not known.
        at_s: When.
    """

    active_ms: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Watched:
    """How the candidate has done since it took over.

    Attributes:
        results: How many samples gave a result.
        errors: How many failed.
        candidate_ms: What it takes, by the median; NaN if not known.
        at_s: When this was.
    """

    results: int
    errors: int
    candidate_ms: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """What was to be done could not be."""

    cause: str


@dataclass(frozen=True, slots=True)
class RunOver:
    """The run has ended."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The last thing is done."""


Happening = (
    Asked | Weighed | Emptied | Loaded | Warmed | Compared | Waited | Switched | Watched | Failed | RunOver | Settled
)
