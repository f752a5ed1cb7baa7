"""What can happen to an update: what `step` is told, by who did what was to be done, or by the world."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_sdk.agent.health import Baseline, Health
from edge_sdk.wire.release import Offer


@dataclass(frozen=True, slots=True)
class Restarted:
    """The agent has started: after a power cut, a kill, or in peace; what was under way may be half done."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The fleet wants this board to have a release.

    Attributes:
        offer: The release, verified as authentic.
        current_sha256: Digest of the package in use; empty if there is none.
    """

    offer: Offer
    current_sha256: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """It is known how much room there is for the download."""

    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """The release lies on this board already, whole."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """All bytes are here, and are those that were signed."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The package is a release on the disk."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What is not needed any more is gone from the disk."""


@dataclass(frozen=True, slots=True)
class Proved:
    """The candidate gave its golden outputs in a child of its own.

    Attributes:
        model_sha256: Digest of the ONNX model that was loaded.
        memory_bytes: What it took in memory.
        has_model: Whether there is a model in use to which it can be compared.
        baseline: How that one does.
        is_online: Whether the fleet is reached now.
    """

    model_sha256: str
    memory_bytes: int
    has_model: bool
    baseline: Baseline = field(default_factory=Baseline)
    is_online: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """The candidate ran beside the model in use, on live samples.

    Attributes:
        samples: On how many.
        agreement: Mean agreement of the results, 0 to 1.
        latency_ratio: Its latency as a multiple of that of the model in use, by the medians; 0 if not known.
        memory_bytes: What it took in memory.
        baseline: How the model in use does.
        is_online: Whether the fleet is reached now.
    """

    samples: int
    agreement: float
    latency_ratio: float
    memory_bytes: int
    baseline: Baseline = field(default_factory=Baseline)
    is_online: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """This is how the model on trial does."""

    health: Health


@dataclass(frozen=True, slots=True)
class Failed:
    """What was to be done could not be, and the release is not to blame: network, disk, no samples; later again."""

    cause: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The bytes here are not those that were signed: the disk, or who sent them, is to blame; fetch anew."""

    cause: str


@dataclass(frozen=True, slots=True)
class Refuted:
    """The candidate did what no release may: crashed, hung, took too much, gave other outputs, does not load."""

    cause: str


@dataclass(frozen=True, slots=True)
class Waited:
    """The time to try again has come."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of an update is done on the disk and in the worker.

    Attributes:
        current_sha256: Digest of the package in use; empty if there is none.
    """

    current_sha256: str


@dataclass(frozen=True, slots=True)
class Reached:
    """The fleet has answered since the release became active."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """The fleet has not answered for so long since the release became active, all starts of the agent together."""

    cut_off_s: float


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The model in use is to go: somebody asks for it, or its worker crashes again and again.

    Attributes:
        cause: Why.
        current_sha256: Digest of the package in use.
    """

    cause: str
    current_sha256: str


Happening = (
    Restarted
    | Offered
    | Weighed
    | Found
    | Fetched
    | Staged
    | Tidied
    | Proved
    | Compared
    | Watched
    | Failed
    | Spoiled
    | Refuted
    | Waited
    | Settled
    | Reached
    | CutOff
    | Unwanted
)
