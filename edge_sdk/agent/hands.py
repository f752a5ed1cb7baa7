"""What a life does things with; the daemon has the real ones, the crash laboratory its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_sdk.agent.golden import Limits, Proof
from edge_sdk.wire.release import Offer


class Fetcher(Protocol):
    """Brings what was offered."""

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        """Fetch a package to `<sha256>.edge` in a folder, verified; go on where an earlier try broke off."""


class Proves(Protocol):
    """Runs a candidate on its golden samples, in a child (`GoldenRun`)."""

    def __call__(self, package: Path, limits: Limits) -> Proof:
        """Raise GateError for a candidate that fails."""


class Loaded(Protocol):
    """What a worker has loaded."""

    @property
    def model_sha256(self) -> str:
        """Digest of the ONNX bytes."""


class Comparison(Protocol):
    """What came of two models on the same samples; see `happening.Compared`."""

    @property
    def samples(self) -> int:
        """On how many samples."""

    @property
    def agreement(self) -> float:
        """Mean agreement, 0 to 1."""

    @property
    def latency_ratio(self) -> float:
        """Latency of the candidate as a multiple; 0 if not known."""

    @property
    def memory_bytes(self) -> int:
        """What the candidate took."""


class Worker(Protocol):
    """What runs models; InputError is the fault of the package, UnavailableError is not."""

    def switch(self, package: Path) -> Loaded:
        """Let a package take over."""

    def compare(self, package: Path, *, samples: int, within_s: float) -> Comparison:
        """Run a package beside the one in use."""

    def stop(self) -> None:
        """Run nothing any more."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the life does things with."""

    fetcher: Fetcher
    prove: Proves
    worker: Worker
