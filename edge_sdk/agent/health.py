"""How a model on trial does, judged by the beats of its worker against the gates of its release. Pure.

- What is certain is judged at once: errors, NaN, slowness and silence need a few samples or seconds, never the whole
  trial, so that a bad model is gone well within a minute.
- Health is shown by results, not by time: a trial in which nothing was seen proves nothing.
- Time counts while there are samples: a camera that is unplugged or paused holds nothing against a model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from edge_sdk.wire.release import Gates

SILENCE_S = 10.0
"""A worker that says nothing for so long hangs."""
STALL_S = 20.0
"""A model that has samples and gives no result for so long stalls."""
_JUDGED_FAILURES = 3
"""One broken frame says nothing about a model."""
_JUDGED_BEATS = 3
_REMEMBERED = 60


class Beat(Protocol):
    """What the worker tells each second about that second."""

    @property
    def model_sha256(self) -> str:
        """Digest of the ONNX bytes that are loaded; empty while there are none."""

    @property
    def results(self) -> int:
        """Samples that gave a result."""

    @property
    def errors(self) -> int:
        """Samples that gave none."""

    @property
    def nan(self) -> int:
        """Samples for which the model gave something that is not a finite number; not among the others."""

    @property
    def latency_p50_ms(self) -> float:
        """Median of the model's time for a sample; of no meaning without results."""

    @property
    def resident_bytes(self) -> int:
        """Memory of the worker."""

    @property
    def stuck_s(self) -> float:
        """How long a sample has been in the model; 0 if none is."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How the model in use did, to which a candidate is compared.

    Attributes:
        latency_ms: Its median time for a sample; 0 if not known.
        resident_bytes: Memory of the worker; 0 if not known.
    """

    latency_ms: float = 0.0
    resident_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen of a model; times are seconds of a monotonic clock.

    Attributes:
        since_s: When it became active; later by the time in which no samples came.
        now_s: When it was looked at last.
        heard_s: When its worker said something last.
        result_s: When it gave results last; later by the time in which no samples came.
        results: How many it gave.
        failures: How many samples gave none, or no finite numbers.
        latencies_ms: The medians of the latest beats with results.
        resident_bytes: Memory of its worker.
    """

    since_s: float
    now_s: float
    heard_s: float
    result_s: float
    results: int = 0
    failures: int = 0
    latencies_ms: tuple[float, ...] = ()
    resident_bytes: int = 0

    @classmethod
    def begin(cls, now_s: float) -> Health:
        """Return that of a model that becomes active now."""
        return cls(now_s, now_s, now_s, now_s)

    @property
    def latency_ms(self) -> float:
        """Its median time for a sample; 0 if not known."""
        ordered = sorted(self.latencies_ms)  # statistics would cost the agent 0.6 MB of memory
        half = len(ordered) // 2
        return (ordered[half] + ordered[~half]) / 2 if ordered else 0.0

    @property
    def baseline(self) -> Baseline:
        """What its successor is compared to."""
        return Baseline(self.latency_ms, self.resident_bytes)


def observe(health: Health, beat: Beat | None, now_s: float) -> Health:
    """Return the health after a beat, or after a time without one."""
    if beat is None:
        return replace(health, now_s=now_s)
    failures = beat.errors + beat.nan
    latencies_ms = (*health.latencies_ms, beat.latency_p50_ms) if beat.results else health.latencies_ms
    idle_s = 0.0 if beat.results or failures or beat.stuck_s else now_s - health.heard_s
    return replace(
        health,
        since_s=health.since_s + idle_s,
        now_s=now_s,
        heard_s=now_s,
        result_s=now_s if beat.results else health.result_s + idle_s,
        results=health.results + beat.results,
        failures=health.failures + failures,
        latencies_ms=latencies_ms[-_REMEMBERED:],
        resident_bytes=beat.resident_bytes,
    )


def fault(health: Health, gates: Gates, baseline: Baseline) -> str:
    """Return what is wrong with a model on trial, with expected and got; empty if nothing is known to be."""
    wrongs = (_failing(health, gates), _silent(health), _slow(health, gates, baseline))
    return next((wrong for wrong in (*wrongs, _large(health, gates, baseline), _late(health, gates)) if wrong), "")


def is_proven(health: Health, gates: Gates) -> bool:
    """Tell whether a model has given as many results as its release wants; that nothing is wrong is another matter."""
    return health.results >= gates.trial_results


def _failing(health: Health, gates: Gates) -> str:
    seen = health.results + health.failures
    if health.failures < _JUDGED_FAILURES or health.failures <= gates.max_error_share * seen:
        return ""
    return f"expected a result of each sample, got none or no numbers for {health.failures} of {seen}"


def _silent(health: Health) -> str:
    if health.now_s - health.heard_s >= SILENCE_S:
        return f"expected a sign of life each second, got none for {health.now_s - health.heard_s:.0f} s"
    if health.now_s - health.result_s >= STALL_S:
        return f"expected a result within {STALL_S:.0f} s of samples, got none"
    return ""


def _slow(health: Health, gates: Gates, baseline: Baseline) -> str:
    if len(health.latencies_ms) < _JUDGED_BEATS:
        return ""
    got_ms, most_ms = health.latency_ms, gates.max_latency_ratio * baseline.latency_ms
    if baseline.latency_ms and got_ms > most_ms:
        return f"expected at most {gates.max_latency_ratio:g} times {baseline.latency_ms:.2f} ms, got {got_ms:.2f} ms"
    if gates.max_latency_ms and got_ms > gates.max_latency_ms:
        return f"expected at most {gates.max_latency_ms:g} ms, got {got_ms:.2f} ms"
    return ""


def _large(health: Health, gates: Gates, baseline: Baseline) -> str:
    grown_bytes = health.resident_bytes - baseline.resident_bytes
    if not gates.max_memory_bytes or not baseline.resident_bytes or grown_bytes <= gates.max_memory_bytes:
        return ""
    return f"expected at most {gates.max_memory_bytes} bytes more memory than before, got {grown_bytes}"


def _late(health: Health, gates: Gates) -> str:
    if is_proven(health, gates) or health.now_s - health.since_s < gates.trial_s:
        return ""
    return f"expected {gates.trial_results} results within {gates.trial_s:g} s, got {health.results}"
