"""How a worker is watched: one pure state machine, `step(vigil, happening)` → the next vigil and what is to be done.

    stopped ─► starting ──loaded──► running ──exit, silence, stuck, too large──► waiting ──its time──► starting …
                  └──exit, too slow──────────────────────────────────────────────►┘

- A worker that says nothing, or has one sample in its model for too long, hangs: it is killed.
- The next start waits: full jitter up to a bound that doubles with each failure in a row, and never less than a second,
  so that no failure makes a busy loop. After a minute of health the count begins anew.
- Several failures in a row that are the model's own are blamed on it, once; the vigil goes on trying all the same.
- A worker that comes to its end (its sources are files) is not started again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edge_sdk.agent.worker.messages import Beat, Part

State = Literal["stopped", "starting", "running", "waiting", "ended"]
"""Not wanted · its model is being opened · it runs · it failed, and is started again later · it came to its end."""
Effect = Literal["start", "kill", "blame"]
"""Start it · kill it; its exit is told next · say that its model makes it fail again and again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in seconds.

    Attributes:
        silence_s: So long without a word, and it hangs.
        first_word_s: So long without its first word; small boards take their time to import what it needs.
        stuck_s: So long with one sample in the model, and it hangs.
        loading_s: So long without an opened model, and it hangs; TensorRT makes its engine meanwhile.
        first_retry_s: What the first start after a failure waits at most; each further one twice as long.
        longest_retry_s: What any start waits at most.
        least_retry_s: What any start waits at least.
        healthy_s: So long running, and its past failures are forgotten.
        blamed: So many failures in a row that are the model's are blamed on it.
        max_memory_bytes: So much resident, and it is killed; 0 for no limit.
    """

    silence_s: float = 10.0
    first_word_s: float = 60.0
    stuck_s: float = 30.0
    loading_s: float = 1800.0
    first_retry_s: float = 2.0
    longest_retry_s: float = 60.0
    least_retry_s: float = 1.0
    healthy_s: float = 60.0
    blamed: int = 3
    max_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The worker is wanted, on a package that has not been tried yet."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """It is wanted no more; the caller stops it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Its model is open."""


@dataclass(frozen=True, slots=True)
class Beaten:
    """It told how it does."""

    beat: Beat


@dataclass(frozen=True, slots=True)
class Over:
    """It is gone.

    Attributes:
        part: Whose fault that was.
        cause: What happened.
    """

    part: Part
    cause: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Happening = Wanted | Unwanted | Loaded | Beaten | Over | Tick


@dataclass(frozen=True, slots=True)
class Vigil:
    """What is known of a worker; times are seconds of a monotonic clock.

    Attributes:
        patience: How long is waited for what.
        state: How it stands.
        cause: Why it failed last; empty if it has not.
        since_s: Since when it is in this state.
        heard_s: When it said something last.
        retry_s: When it is started again.
        failures: How often it has failed in a row.
        guilty: How often in a row that was the model's fault.
        condemned: Why it was told to be killed; empty if it was not.
    """

    patience: Patience
    state: State = "stopped"
    cause: str = ""
    since_s: float = 0.0
    heard_s: float = 0.0
    retry_s: float = 0.0
    failures: int = 0
    guilty: int = 0
    condemned: str = ""


def step(vigil: Vigil, happening: Happening, *, now_s: float, chance: float) -> tuple[Vigil, Effect | None]:
    """Return what is known after something happened, and what is to be done about it.

    Args:
        vigil: What was known.
        happening: What happened.
        now_s: When.
        chance: At random from 0 to 1, for the time of the next start.
    """
    match happening:
        case Wanted():
            return Vigil(vigil.patience, "starting", since_s=now_s, heard_s=now_s), "start"
        case Unwanted():
            return Vigil(vigil.patience, since_s=now_s), None
        case Loaded():
            return replace(_to(vigil, "running", now_s), heard_s=now_s), None
        case Beaten(beat):
            return _hear(vigil, beat, now_s)
        case Over(part, cause):
            return _bury(vigil, part, vigil.condemned or cause, now_s, chance)
        case Tick():
            return _look(vigil, now_s)


def _hear(vigil: Vigil, beat: Beat, now_s: float) -> tuple[Vigil, Effect | None]:
    patience, vigil = vigil.patience, replace(vigil, heard_s=now_s)
    if patience.max_memory_bytes and beat.resident_bytes > patience.max_memory_bytes:
        most, got = patience.max_memory_bytes / 1e6, beat.resident_bytes / 1e6
        return _condemn(vigil, f"out of memory: expected at most {most:.0f} MB, got {got:.0f} MB")
    if beat.stuck_s >= patience.stuck_s:
        return _condemn(vigil, f"hang: one sample in the model for {beat.stuck_s:.0f} s")
    if vigil.state == "running" and now_s - vigil.since_s >= patience.healthy_s:
        return replace(vigil, failures=0, guilty=0), None
    return vigil, None


def _look(vigil: Vigil, now_s: float) -> tuple[Vigil, Effect | None]:
    patience = vigil.patience
    if vigil.state == "waiting" and now_s >= vigil.retry_s:
        return replace(_to(vigil, "starting", now_s), heard_s=now_s), "start"
    if vigil.state not in {"starting", "running"} or vigil.condemned:
        return vigil, None
    if vigil.state == "starting" and now_s - vigil.since_s >= patience.loading_s:
        return _condemn(vigil, f"hang: no opened model after {patience.loading_s:.0f} s")
    has_spoken = vigil.state == "running" or vigil.heard_s > vigil.since_s
    silence_s = patience.silence_s if has_spoken else patience.first_word_s
    if now_s - vigil.heard_s >= silence_s:
        return _condemn(vigil, f"hang: no word for {silence_s:.0f} s")
    return vigil, None


def _condemn(vigil: Vigil, cause: str) -> tuple[Vigil, Effect | None]:
    return (vigil, None) if vigil.condemned else (replace(vigil, condemned=cause), "kill")


def _bury(vigil: Vigil, part: Part, cause: str, now_s: float, chance: float) -> tuple[Vigil, Effect | None]:
    if vigil.state not in {"starting", "running"}:
        return vigil, None
    if part == "end" and not vigil.condemned:
        return replace(_to(vigil, "ended", now_s), cause=cause), None
    patience = vigil.patience
    bound_s = min(patience.longest_retry_s, patience.first_retry_s * 2 ** min(vigil.failures, 16))
    wait_s = max(patience.least_retry_s, chance * bound_s)
    guilty = vigil.guilty + (part == "model" or bool(vigil.condemned))
    after = replace(
        _to(vigil, "waiting", now_s),
        cause=cause,
        retry_s=now_s + wait_s,
        failures=vigil.failures + 1,
        guilty=guilty,
        condemned="",
    )
    return after, "blame" if guilty == patience.blamed and guilty > vigil.guilty else None


def _to(vigil: Vigil, state: State, now_s: float) -> Vigil:
    return replace(vigil, state=state, since_s=now_s)
