"""What a run is asked to do, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edge_sdk.errors import InputError
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.metrics import Figures, Stage
from edge_sdk.runtime.supervision import Limits, State

if TYPE_CHECKING:
    from edge_sdk.runtime.swap.record import SwapReport
    from edge_sdk.runtime.thrift.governor import GovernorOptions, GovernorReport
    from edge_sdk.runtime.thrift.motion import MotionOptions

Policy = Literal["newest", "every"]
"""Which samples are processed: the newest one whenever the model is free, or every one."""
Ended = Literal["running", "end", "max-frames", "duration", "stopped", "interrupted", "failed"]
"""What ended a run: its sources, a limit, a request to stop, Ctrl-C, or an error; `running` if nothing has yet."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How long a run goes on, and what it does with samples that come too fast or results that come too late.

    Attributes:
        policy: Which samples are processed; None takes `newest` for live sources and `every` for files.
        at_once: How many samples are in the model at once where every one is processed: more a second, for more memory.
        max_frames: Ends the run when so many samples, of all sources together, have been given to the model.
        duration_s: Ends the run after so many seconds.
        max_age_ms: Older results are counted as stale and kept from the sinks; for live sources.
        limits: How patient the run is with live sources.
        motion: When a picture is worth the model; None takes pictures in which nothing moves too.
        governor: When and how the run does less by itself; None never does.
    """

    policy: Policy | None = None
    at_once: int = 2
    max_frames: int | None = None
    duration_s: float | None = None
    max_age_ms: float | None = None
    limits: Limits = field(default_factory=Limits)
    motion: MotionOptions | None = None
    governor: GovernorOptions | None = None

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: A limit is not positive.
        """
        for name in ("at_once", "max_frames", "duration_s", "max_age_ms"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise InputError(f"{name}: expected more than 0, got {limit}")


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source of a run gave.

    Attributes:
        name: Its name.
        policy: Which of its samples were processed.
        accounts: Where each of its samples went.
        state: Whether it lives.
        reopened: How often it was opened anew.
        hanging: Reads that were given up and have not come back.
    """

    name: str
    policy: Policy
    accounts: Accounts
    state: State
    reopened: int
    hanging: int


@dataclass(frozen=True, slots=True)
class SinkReport:
    """What became of the results that one sink was given: the sum of these four.

    Attributes:
        name: Its name.
        written: It took them.
        dropped: It was too slow for them.
        failed: It could not take them.
        waiting: They wait for it.
        counts: What a sink that chooses tells of those that it took; empty for others.
    """

    name: str
    written: int
    dropped: int
    failed: int
    waiting: int
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, until now or until its end.

    Attributes:
        model: SHA-256 of the model's bytes.
        ended: What ended it.
        duration_s: How long it took, in seconds.
        results_per_s: Results a second.
        accounts: Where each sample went, of all sources together.
        sources: The sources, one by one.
        sinks: The sinks, one by one.
        stages: How long the stages took.
        events: The last changes of the sources' states and of the governor's, the oldest first.
        failures: The first of what went wrong, a line each.
        swaps: The last twenty models that were to take over, the oldest first.
        governor: Where the run stands on its ladder; None without one.
    """

    model: str
    ended: Ended
    duration_s: float
    results_per_s: float
    accounts: Accounts
    sources: tuple[SourceReport, ...]
    sinks: tuple[SinkReport, ...]
    stages: Mapping[Stage, Figures]
    events: tuple[Event, ...]
    failures: tuple[str, ...]
    swaps: tuple[SwapReport, ...] = ()
    governor: GovernorReport | None = None
