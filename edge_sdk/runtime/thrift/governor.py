"""When a run does less: one pure state machine on a declared ladder, `step(footing, readings, …)` → the next footing.

    full ──a cause has lasted──► 15 fps ──it still lasts──► 10 fps ──► …
      ▲                            │  ▲                       │
      └────────── calm ────────────┘  └──────── calm ─────────┘

- Causes: the board is held back (throttled, short of voltage, …), a processor is too hot, or results come too late. A
  temperature or a lateness that was a cause remains one until it is clearly below its limit.
- One step down when a cause has lasted, and the next only when it lasts on: what one step does takes its time.
- One step up after calm. Where a step up did not last, the next calm must be twice as long, up to 16 times, so that a
  board at its limit does not swing; a step up that lasts twice as long as it took lets that be forgotten.
- What cannot be read is no cause. Nothing here knows a clock, a file or a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.runtime.pipeline import Pipeline

_MOST_DOUBLINGS = 4
_PUNCTUAL = 0.9
"""Results that were late are so until they take less than this share of the deadline."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to run, with less work than those above it.

    Attributes:
        name: What events and reports call it.
        fps: So many samples a second of each live source; None takes all.
        open_model: Opens the model that runs here; None where all rungs have one model.
    """

    name: str
    fps: float | None = None
    open_model: Callable[[], Pipeline] | None = None


@dataclass(frozen=True, slots=True)
class GovernorOptions:
    """When a run does less, and how.

    Attributes:
        ladder: The ways to run, that without any limit first.
        deadline_ms: Results are late if more than one in 20 takes longer, from capture; None does not look.
        max_temperature_c: The hottest processor may be so hot, in degrees Celsius.
        cooler_c: By so many degrees it must be cooler before it counts as cool.
        down_after_s: A cause that has lasted so long leads a step down.
        up_after_s: Calm that has lasted so long leads a step up.
    """

    ladder: tuple[Rung, ...]
    deadline_ms: float | None = None
    max_temperature_c: float = 80.0
    cooler_c: float = 5.0
    down_after_s: float = 5.0
    up_after_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the ladder and the limits.

        Raises:
            InputError: The ladder has no step down, a rate does not fall, or a limit is not positive.
        """
        if len(self.ladder) <= 1:
            raise InputError(f"ladder: expected two rungs or more, got {len(self.ladder)}")
        if len({rung.open_model is None for rung in self.ladder}) > 1:
            raise InputError("ladder: expected a model on each rung or on none, got some without")
        rates = [rung.fps for rung in self.ladder if rung.fps is not None]
        if any(not fps > 0 for fps in rates) or rates != sorted(rates, reverse=True):
            raise InputError(f"ladder: expected rates above 0 that fall, got {', '.join(f'{fps:g}' for fps in rates)}")
        for name in ("deadline_ms", "cooler_c", "down_after_s", "up_after_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}: expected more than 0, got {value:g}")


@dataclass(frozen=True, slots=True)
class Readings:
    """What is known at one moment.

    Attributes:
        temperature_c: Of the hottest processor, or None.
        limits: What holds the board back.
        p95_ms: What one result in 20 exceeds, from capture; None where there was none lately.
    """

    temperature_c: float | None = None
    limits: frozenset[str] = frozenset()
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Footing:
    """Where the run stands on the ladder.

    Attributes:
        rung: The number of the rung; 0 is the highest.
        moved_s: When it came there, or the run began.
        cause: Why the run must do less, as it is now; empty if it need not.
        since_s: Since when there has been a cause, or none.
        is_hot: Whether the temperature is a cause.
        is_late: Whether the results are.
        climbed_s: When the last step up was made; None before the first.
        slips: How many steps up did not last.
    """

    rung: int = 0
    moved_s: float = 0.0
    cause: str = ""
    since_s: float = 0.0
    is_hot: bool = False
    is_late: bool = False
    climbed_s: float | None = None
    slips: int = 0


@dataclass(frozen=True, slots=True)
class GovernorReport:
    """Where a run stands on its ladder.

    Attributes:
        rung: The name of the rung.
        number: Its number; 0 is the highest.
        rungs: How many there are.
        steps: How often another one was taken.
        cause: Why the run must do less now; empty if it need not.
    """

    rung: str
    number: int
    rungs: int
    steps: int
    cause: str


def step(footing: Footing, readings: Readings, options: GovernorOptions, *, now_s: float) -> tuple[Footing, str]:
    """Return the next footing, and why another rung was taken; nothing where it was not.

    Args:
        footing: Where the run stands.
        readings: What is known now.
        options: The ladder and the limits.
        now_s: The time, in seconds of a clock that never goes back.
    """
    footing = _judge(footing, readings, options, now_s)
    lasted_s = now_s - max(footing.since_s, footing.moved_s)
    if footing.cause:
        is_down = lasted_s >= options.down_after_s and footing.rung < len(options.ladder) - 1
        return (_down(footing, options, now_s), footing.cause) if is_down else (footing, "")
    patience_s = _patience_s(footing, options)
    if footing.rung and lasted_s >= patience_s:
        return replace(footing, rung=footing.rung - 1, moved_s=now_s, climbed_s=now_s), f"calm for {patience_s:g} s"
    if footing.slips and not footing.rung and lasted_s >= 2 * patience_s:
        return replace(footing, slips=0), ""
    return footing, ""


def _judge(footing: Footing, readings: Readings, options: GovernorOptions, now_s: float) -> Footing:
    hot_c = options.max_temperature_c - options.cooler_c * footing.is_hot
    is_hot = readings.temperature_c is not None and readings.temperature_c >= hot_c
    late_ms = (options.deadline_ms or 0.0) * (_PUNCTUAL if footing.is_late else 1.0)
    is_late = options.deadline_ms is not None and readings.p95_ms is not None and readings.p95_ms > late_ms
    causes = sorted(readings.limits)
    if is_hot:
        causes.append(f"{readings.temperature_c:.1f} °C, limit {options.max_temperature_c:g} °C")
    if is_late:
        causes.append(f"p95 {readings.p95_ms:.0f} ms, deadline {options.deadline_ms:g} ms")
    cause = "; ".join(causes)
    since_s = footing.since_s if bool(cause) == bool(footing.cause) else now_s
    return replace(footing, cause=cause, since_s=since_s, is_hot=is_hot, is_late=is_late)


def _down(footing: Footing, options: GovernorOptions, now_s: float) -> Footing:
    climbed_s = footing.climbed_s
    has_slipped = climbed_s is not None and now_s - climbed_s < 2 * _patience_s(footing, options)
    slips = footing.slips + has_slipped
    return replace(footing, rung=footing.rung + 1, moved_s=now_s, climbed_s=None, slips=slips)


def _patience_s(footing: Footing, options: GovernorOptions) -> float:
    return float(options.up_after_s * 2 ** min(footing.slips, _MOST_DOUBLINGS))
