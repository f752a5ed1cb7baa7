"""How a swap goes: one pure state machine, `step(progress, event)` → the next progress and what is to be done.

    idle ─► loading ─► warming ─► shadowing ─► switching ─► watching ─► done
               │ does not fit         any before ↘ refused      ↘ rolled back
               │                       └─► done, where it is only compared
               └─► emptying ─► loading ─► warming ─► switching …

- The candidate's results go nowhere before `switching`; after it, those of the model before are over.
- The model before stays open until the candidate has been watched. Where both do not fit, it is closed first and
  opened again if the candidate fails.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edge_sdk.runtime.swap.happening import (
    Asked,
    Compared,
    Emptied,
    Failed,
    Happening,
    Loaded,
    RunOver,
    Settled,
    Switched,
    Waited,
    Warmed,
    Watched,
    Weighed,
)
from edge_sdk.runtime.swap.record import State, SwapOptions

Effect = Literal[
    "weigh",
    "empty",
    "load",
    "warm",
    "compare",
    "switch",
    "watch",
    "release",
    "discard",
    "restore",
    "return",
]
"""Look what the candidate is and needs · close the model in use · open the candidate · run its golden samples · run it
beside the model in use · let it take over · look how it does. And at the end: close the model before · close the
candidate · close it and open the model before again · let the model before take over, and close the candidate."""
OVER: frozenset[State] = frozenset({"done", "refused", "rolled back"})
LAST: frozenset[Effect] = frozenset({"release", "discard", "restore", "return"})

_ERRORS = 3
_ERROR_SHARE = 0.05
_JUDGED = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a swap is.

    Attributes:
        options: What the candidate must show.
        state: Where it stands.
        cause: Why.
        has_gap: Whether the model in use was closed first.
        compared: What was seen on each sample that both ran on.
        memory_bytes: What the candidate has taken.
        active_ms: What the model before took, by the median; NaN if not known.
        candidate_ms: What the candidate takes.
        since_s: Since when it is in this state.
    """

    options: SwapOptions = field(default_factory=SwapOptions)
    state: State = "idle"
    cause: str = ""
    has_gap: bool = False
    compared: tuple[Compared, ...] = ()
    memory_bytes: int = 0
    active_ms: float = math.nan
    candidate_ms: float = math.nan
    since_s: float = 0.0

    @property
    def agreement(self) -> float | None:
        """How far both models agree, in the mean; None if nothing was compared."""
        return statistics.fmean(one.agreement for one in self.compared) if self.compared else None

    @property
    def latency_ratio(self) -> float | None:
        """What the candidate takes, as a multiple of what the model before takes; None if not known."""
        ratio = self.candidate_ms / self.active_ms if self.active_ms else math.nan
        return None if math.isnan(ratio) else ratio


def step(progress: Progress, event: Happening) -> tuple[Progress, Effect | None]:
    """Return where a swap stands after an event, and what is to be done; None when all is done."""
    if isinstance(event, Settled) or progress.state in OVER:
        return progress, None
    return _STEPS[type(event)](progress, event)


def _asked(progress: Progress, _: Asked) -> tuple[Progress, Effect]:
    return _to(progress, "loading", "asked for"), "weigh"


def _weighed(progress: Progress, event: Weighed) -> tuple[Progress, Effect]:
    if event.expected_bytes <= event.available_bytes:
        return progress, "load"
    wanted = f"expected {_mb(event.expected_bytes)} free, got {_mb(event.available_bytes)}"
    if progress.has_gap:
        return _refuse(progress, f"it does not fit alone: {wanted}")
    cause = f"two models do not fit: {wanted}"
    if progress.options.allow_gap:
        return _to(progress, "emptying", cause), "empty"
    return _refuse(progress, f"{cause}; hint: allow a gap, and the model in use is closed first")


def _emptied(progress: Progress, _: Emptied) -> tuple[Progress, Effect]:
    return replace(_to(progress, "loading", "the model before is closed"), has_gap=True), "weigh"


def _loaded(progress: Progress, _: Loaded) -> tuple[Progress, Effect]:
    return _to(progress, "warming", "it is open"), "warm"


def _warmed(progress: Progress, event: Warmed) -> tuple[Progress, Effect]:
    progress = replace(progress, memory_bytes=event.memory_bytes, since_s=event.at_s)
    if progress.has_gap or not progress.options.shadow_samples:
        return _judge(progress, "it gives its golden outputs")
    return _to(progress, "shadowing", "it gives its golden outputs"), "compare"


def _compared(progress: Progress, event: Compared) -> tuple[Progress, Effect]:
    compared = (*progress.compared, event)
    progress = replace(
        progress,
        compared=compared,
        memory_bytes=max(progress.memory_bytes, event.memory_bytes),
        active_ms=statistics.median(one.active_ms for one in compared),
        candidate_ms=statistics.median(one.candidate_ms for one in compared),
    )
    if len(compared) < progress.options.shadow_samples:
        return progress, "compare"
    return _judge(progress, f"it agrees to {progress.agreement:.2f} on {len(compared)} samples")


def _waited(progress: Progress, event: Waited) -> tuple[Progress, Effect]:
    options = progress.options
    if event.at_s - progress.since_s < options.shadow_within_s:
        return progress, "compare"
    if not options.takes_over:
        return _judge(progress, f"{len(progress.compared)} samples in {options.shadow_within_s:g} s")
    wanted = f"{options.shadow_samples} samples to compare in {options.shadow_within_s:g} s"
    return _refuse(progress, f"expected {wanted}, got {len(progress.compared)}")


def _judge(progress: Progress, cause: str) -> tuple[Progress, Effect]:
    options, agreement, ratio = progress.options, progress.agreement, progress.latency_ratio
    if agreement is not None and agreement < options.min_agreement:
        return _refuse(progress, f"expected an agreement of {options.min_agreement:g} or more, got {agreement:.2f}")
    if ratio is not None and ratio > options.max_latency_ratio:
        return _refuse(progress, _slow(progress, ratio))
    if options.max_memory_bytes is not None and progress.memory_bytes > options.max_memory_bytes:
        most, got = _mb(options.max_memory_bytes), _mb(progress.memory_bytes)
        return _refuse(progress, f"expected at most {most} of memory, got {got}")
    if not options.takes_over:
        return _to(progress, "done", cause), "discard"
    return _to(progress, "switching", cause), "switch"


def _switched(progress: Progress, event: Switched) -> tuple[Progress, Effect]:
    progress = replace(progress, active_ms=event.active_ms, since_s=event.at_s)
    if not progress.options.watch_s:
        return _to(progress, "done", "it has taken over"), "release"
    return _to(progress, "watching", "it has taken over"), "watch"


def _watched(progress: Progress, event: Watched) -> tuple[Progress, Effect]:
    seen = event.results + event.errors
    if event.errors >= _ERRORS and event.errors > _ERROR_SHARE * seen:
        return _roll_back(progress, f"expected results, got {event.errors} errors in {seen} samples")
    if seen >= _JUDGED:
        progress = replace(progress, candidate_ms=event.candidate_ms)
        ratio = progress.latency_ratio
        if ratio is not None and ratio > progress.options.max_latency_ratio:
            return _roll_back(progress, _slow(progress, ratio))
    if event.at_s - progress.since_s < progress.options.watch_s:
        return progress, "watch"
    return _to(progress, "done", f"{event.results} results, {event.errors} errors"), "release"


def _failed(progress: Progress, event: Failed) -> tuple[Progress, Effect]:
    return _roll_back(progress, event.cause) if progress.state == "watching" else _refuse(progress, event.cause)


def _run_over(progress: Progress, _: RunOver) -> tuple[Progress, Effect]:
    if progress.state == "watching":
        return _to(progress, "done", "the run has ended first"), "release"
    if not progress.options.takes_over and progress.state == "shadowing":
        return _judge(progress, "the run has ended first")
    return _to(progress, "refused", "the run has ended first"), "discard"


def _refuse(progress: Progress, cause: str) -> tuple[Progress, Effect]:
    return _to(progress, "refused", cause), "restore" if progress.has_gap else "discard"


def _roll_back(progress: Progress, cause: str) -> tuple[Progress, Effect]:
    return _to(progress, "rolled back", cause), "restore" if progress.has_gap else "return"


def _to(progress: Progress, state: State, cause: str) -> Progress:
    return replace(progress, state=state, cause=cause)


def _slow(progress: Progress, ratio: float) -> str:
    most, figures = progress.options.max_latency_ratio, f"{progress.active_ms:.2f} to {progress.candidate_ms:.2f} ms"
    return f"expected at most {most:g} times the latency of the model before, got {ratio:.2f} times ({figures})"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"


_STEPS: Mapping[type, Callable[[Progress, Any], tuple[Progress, Effect]]] = {
    Asked: _asked,
    Weighed: _weighed,
    Emptied: _emptied,
    Loaded: _loaded,
    Warmed: _warmed,
    Compared: _compared,
    Waited: _waited,
    Switched: _switched,
    Watched: _watched,
    Failed: _failed,
    RunOver: _run_over,
}
