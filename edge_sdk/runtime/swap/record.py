"""What a swap is asked to do, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError

State = Literal[
    "idle",
    "loading",
    "emptying",
    "warming",
    "shadowing",
    "switching",
    "watching",
    "done",
    "refused",
    "rolled back",
]
"""Nothing has begun · the candidate is opened · the model in use is closed first · the candidate proves itself on its
golden samples · and beside the model in use · it takes over · it is watched. At the end: it stays · never took over ·
did, and the model before is back."""


@dataclass(frozen=True, slots=True)
class SwapOptions:
    """What a candidate must show before it takes over, and after.

    Attributes:
        shadow_samples: On how many live samples it runs beside the model in use; 0 takes its golden samples for enough.
        min_agreement: How far it must agree with the model in use on these, 0 to 1, in the mean.
        max_latency_ratio: How many times as long as the model in use it may take, by the medians.
        max_memory_bytes: How much memory it may take; None leaves this to what there is.
        shadow_within_s: It is refused if there were not enough samples in so many seconds.
        watch_s: For so many seconds afterwards, errors, outputs that are no numbers and slowness bring the model before
            back; 0 does not watch.
        takes_over: Whether it takes over at all; if not, it is only compared, and then closed. What was seen in
            `shadow_within_s` counts then, however little.
        allow_gap: If both do not fit into memory, close the model in use first. There are no results until the
            candidate is there; samples that are lost meanwhile are counted as `swapping`. Nothing is compared then.
    """

    shadow_samples: int = 30
    min_agreement: float = 0.8
    max_latency_ratio: float = 2.0
    max_memory_bytes: int | None = None
    shadow_within_s: float = 60.0
    watch_s: float = 30.0
    takes_over: bool = True
    allow_gap: bool = False

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: A limit is out of its range.
        """
        if not 0 <= self.min_agreement <= 1:
            raise InputError(f"min_agreement: expected 0 to 1, got {self.min_agreement}")
        for name in ("shadow_samples", "watch_s"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        for name in ("max_latency_ratio", "max_memory_bytes", "shadow_within_s"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise InputError(f"{name}: expected more than 0, got {limit}")


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What a swap did, until now or until its end.

    Attributes:
        package: The candidate's package.
        state: How far it came.
        cause: Why it stands there.
        before: SHA-256 of the model that was in use.
        after: That of the candidate; empty if it was never opened.
        compared: On how many live samples both ran.
        agreement: How far they agreed, 0 to 1; None if nothing was compared.
        latency_ratio: What the candidate takes, as a multiple of what the model before takes; None if not known.
        memory_bytes: How much memory the candidate took.
        gap_ms: How long there was no model.
    """

    package: str
    state: State
    cause: str
    before: str
    after: str
    compared: int
    agreement: float | None
    latency_ratio: float | None
    memory_bytes: int
    gap_ms: float
