"""What a run is asked to do, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.metrics import Figures, Stage

Policy = Literal["newest", "every"]
"""Which samples are processed: the newest one whenever the model is free, or every one."""
Ended = Literal["running", "end", "max-frames", "duration", "stopped", "interrupted", "failed"]
"""What ended a run: the source, a limit, a request to stop, Ctrl-C, or an error; `running` if nothing has yet."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How long a run goes on, and what it does with samples that come too fast or results that come too late.

    Attributes:
        policy: Which samples are processed; None takes `newest` for live sources and `every` for files.
        max_frames: Ends the run when so many samples have been given to the model.
        duration_s: Ends the run after so many seconds.
        max_age_ms: Older results are counted as stale and kept from the sinks; for live sources.
    """

    policy: Policy | None = None
    max_frames: int | None = None
    duration_s: float | None = None
    max_age_ms: float | None = None

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: A limit is not positive.
        """
        for name in ("max_frames", "duration_s", "max_age_ms"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise InputError(f"{name}: expected more than 0, got {limit}")


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, until now or until its end.

    Attributes:
        source: Name of the source.
        model: SHA-256 of the model's bytes.
        policy: Which samples were processed.
        ended: What ended it.
        duration_s: How long it took, in seconds.
        results_per_s: Results a second.
        accounts: Where each sample went.
        stages: How long the stages took.
        failures: The first of what went wrong, a line each.
    """

    source: str
    model: str
    policy: Policy
    ended: Ended
    duration_s: float
    results_per_s: float
    accounts: Accounts
    stages: Mapping[Stage, Figures]
    failures: tuple[str, ...]
