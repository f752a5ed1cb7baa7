"""How a live source is watched: one pure state machine, `step(watch, event)` → the next watch and what is to be done.

    live ──silent, or frozen──► stalled ──still──► reconnecting ──too long──► dead
      ▲                            │                  │  ▲
      └────────── a fresh sample ──┴──────────────────┘  └─ the next attempt, later than the last

- A sample is fresh if it is not the one before once more: another picture, and a later time of capture.
- A read that fails leads to `reconnecting` at once; one that hangs is seen from outside, and its thread is given up.
- Attempts wait 0.5 s, then twice as long each time, up to 30 s, 20 % more or less by chance, so that the cameras of a
  site do not all come back in one moment. After a minute of health the next failure begins from 0.5 s again.
- A source that cannot be opened again is dead where another one would be reconnecting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edge_sdk.errors import InputError

State = Literal["live", "stalled", "reconnecting", "dead", "ended"]
"""Fresh samples come · they have ceased · the source is being opened anew · given up · at its end, as files are."""
Effect = Literal["abandon", "reopen", "retire"]
"""Give up the thread that reads · open the source in a new one · expect nothing more of the source."""

_JITTER = 0.2
_DOUBLINGS = 16
_PERIODS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a run is with its live sources, in seconds.

    Attributes:
        stall_s: So long without a sample, or three of its own periods if that is longer, and the source is stalled.
        hang_s: So long without a sample, and it is opened anew; more than sources themselves wait (5 s).
        frozen_s: So long the same sample over and over, and it is stalled; twice as long, and it is opened anew.
            0 does not look.
        reconnect_for_s: So long without a fresh sample, and it is given up; None tries for ever.
        retry_s: How long the first attempt to open it anew waits.
        longest_retry_s: How long an attempt waits at most.
        healthy_s: So long live, and its past attempts are forgotten.
    """

    stall_s: float = 2.0
    hang_s: float = 10.0
    frozen_s: float = 10.0
    reconnect_for_s: float | None = None
    retry_s: float = 0.5
    longest_retry_s: float = 30.0
    healthy_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            InputError: A limit is negative, or is nothing where it must be something.
        """
        for name in ("stall_s", "hang_s", "retry_s", "longest_retry_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)}")
        for name in ("frozen_s", "reconnect_for_s", "healthy_s"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise InputError(f"{name}: expected 0 or more, got {limit}")

    def at_rate(self, fps: float) -> Limits:
        """Return the limits for a source of this rate, which may be slow by nature; 0 if it does not say."""
        stall_s = max(self.stall_s, _PERIODS / fps if fps > 0 else 0.0)
        return replace(self, stall_s=stall_s, hang_s=max(self.hang_s, 2 * stall_s))


@dataclass(frozen=True, slots=True)
class Heard:
    """A sample was read.

    Attributes:
        fingerprint: Of its bytes; None where equal samples are nothing strange.
        captured_ns: When it was captured.
    """

    fingerprint: int | None
    captured_ns: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Reading or opening failed, and its thread is over."""

    cause: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed.

    Attributes:
        reading_since_ns: When the read began that has not come back; None if none is under way.
    """

    reading_since_ns: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The source is at its end."""


Happening = Heard | Failed | Tick | Ended


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a source.

    Attributes:
        limits: How patient to be.
        can_reopen: Whether it can be opened anew.
        state: Its state.
        cause: Why it is in it.
        since_ns: Since when.
        heard_ns: When the last sample came, or the source was opened.
        fresh_ns: When the last fresh one came.
        lost_ns: When it ceased to be live; None if it is.
        last: The last sample.
        attempts: How often it was opened anew without a minute of health since.
        retry_ns: When it is to be opened anew; None if it is open, or being opened.
        opened_ns: When it was last opened anew.
    """

    limits: Limits
    can_reopen: bool
    state: State
    cause: str
    since_ns: int
    heard_ns: int
    fresh_ns: int
    lost_ns: int | None = None
    last: Heard | None = None
    attempts: int = 0
    retry_ns: int | None = None
    opened_ns: int = 0


def begin(limits: Limits, *, can_reopen: bool, now_ns: int) -> Watch:
    """Return the watch of a source that has just been opened."""
    return Watch(limits, can_reopen, "live", "opened", now_ns, heard_ns=now_ns, fresh_ns=now_ns)


def step(watch: Watch, happening: Happening, *, now_ns: int, chance: float) -> tuple[Watch, Effect | None]:
    """Return what is known after something happened, and what is to be done about it.

    Args:
        watch: What was known.
        happening: What happened.
        now_ns: When, on the monotonic clock.
        chance: At random from 0 to 1, for the time of an attempt.
    """
    if watch.state in {"dead", "ended"}:
        return watch, None
    match happening:
        case Heard():
            return _heard(watch, happening, now_ns, chance)
        case Failed(cause):
            after = _break(watch, cause, now_ns, chance)
            return after, "retire" if after.state == "dead" else None
        case Ended():
            return _go(watch, "ended", "at its end", now_ns), "retire"
        case Tick(reading_since_ns):
            if watch.state == "reconnecting":
                return _try_again(watch, now_ns, chance)
            return _listen(watch, reading_since_ns, now_ns, chance)


def _heard(watch: Watch, heard: Heard, now_ns: int, chance: float) -> tuple[Watch, Effect | None]:
    fresh = _is_fresh(watch.last, heard)
    watch = replace(watch, last=heard, heard_ns=now_ns, fresh_ns=now_ns if fresh else watch.fresh_ns)
    if fresh:
        return _recover(watch, now_ns), None
    same_s, limit_s = (now_ns - watch.fresh_ns) / 1e9, watch.limits.frozen_s
    if not limit_s or same_s < limit_s or watch.state == "reconnecting":
        return watch, None
    if watch.state == "live":
        return _go(watch, "stalled", f"the same sample for {limit_s:g} s", now_ns), None
    return _abandon(watch, now_ns, chance) if same_s >= 2 * limit_s else (watch, None)


def _is_fresh(last: Heard | None, heard: Heard) -> bool:
    if last is None:
        return True
    is_same = heard.fingerprint is not None and heard.fingerprint == last.fingerprint
    return not is_same and heard.captured_ns > last.captured_ns


def _recover(watch: Watch, now_ns: int) -> Watch:
    if watch.state != "live":
        return replace(_go(watch, "live", "fresh samples", now_ns), lost_ns=None, retry_ns=None)
    if watch.attempts and (now_ns - watch.since_ns) / 1e9 >= watch.limits.healthy_s:
        return replace(watch, attempts=0)
    return watch


def _listen(watch: Watch, reading_since_ns: int | None, now_ns: int, chance: float) -> tuple[Watch, Effect | None]:
    if reading_since_ns is None:  # whoever waits for the model is not silent
        return watch, None
    silent_s = (now_ns - max(watch.heard_ns, reading_since_ns)) / 1e9
    if silent_s >= watch.limits.hang_s:
        silent = replace(watch, cause=f"no sample for {watch.limits.hang_s:g} s")
        return _abandon(silent, now_ns, chance)
    if watch.state == "live" and silent_s >= watch.limits.stall_s:
        return _go(watch, "stalled", f"no sample for {watch.limits.stall_s:g} s", now_ns), None
    return watch, None


def _try_again(watch: Watch, now_ns: int, chance: float) -> tuple[Watch, Effect | None]:
    lost_ns = watch.lost_ns if watch.lost_ns is not None else watch.since_ns
    limit_s = watch.limits.reconnect_for_s
    if limit_s is not None and (now_ns - lost_ns) / 1e9 >= limit_s:
        return _go(watch, "dead", f"{watch.cause}, and nothing fresh for {limit_s:g} s", now_ns), "retire"
    if watch.retry_ns is None:
        is_late = (now_ns - watch.opened_ns) / 1e9 >= watch.limits.hang_s
        return _abandon(watch, now_ns, chance) if is_late else (watch, None)
    if now_ns < watch.retry_ns:
        return watch, None
    return replace(watch, retry_ns=None, opened_ns=now_ns), "reopen"


def _abandon(watch: Watch, now_ns: int, chance: float) -> tuple[Watch, Effect | None]:
    after = _break(watch, watch.cause, now_ns, chance)
    return after, "retire" if after.state == "dead" else "abandon"


def _break(watch: Watch, cause: str, now_ns: int, chance: float) -> Watch:
    if not watch.can_reopen:
        return _go(watch, "dead", cause, now_ns)
    limits = watch.limits
    wait_s = min(limits.longest_retry_s, limits.retry_s * 2 ** min(watch.attempts, _DOUBLINGS))
    wait_s *= 1 - _JITTER + 2 * _JITTER * chance
    watch = replace(watch, attempts=watch.attempts + 1, retry_ns=now_ns + round(wait_s * 1e9))
    return _go(watch, "reconnecting", cause, now_ns)


def _go(watch: Watch, state: State, cause: str, now_ns: int) -> Watch:
    since_ns = watch.since_ns if watch.state == state else now_ns
    lost_ns = now_ns if watch.lost_ns is None else watch.lost_ns
    return replace(watch, state=state, cause=cause, since_ns=since_ns, lost_ns=lost_ns)
