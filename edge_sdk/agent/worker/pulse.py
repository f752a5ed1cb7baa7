"""The worker's pulse: what it did in each second, counted where it happens."""

from __future__ import annotations

import math
import statistics
import threading
from dataclasses import dataclass

from edge_sdk.agent.worker.messages import Beat, Phase
from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime import Pipeline, Run
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.usage import usage

_MOST = 4096
"""So many latencies of one second are kept."""


class Latencies:
    """A sink that keeps what the samples took since it was last asked."""

    name = "latencies"

    def __init__(self) -> None:
        self._taken_ms: list[float] = []
        self._turn = threading.Lock()

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Take note of one; see `Sink.write`."""
        with self._turn:
            if len(self._taken_ms) < _MOST:
                self._taken_ms.append(outcome.timings.steps_ms)

    def close(self) -> None:
        """Do nothing."""

    def take(self) -> list[float]:
        """Return those since the last time, in milliseconds."""
        with self._turn:
            taken_ms, self._taken_ms = self._taken_ms, []
            return taken_ms


@dataclass(frozen=True, slots=True)
class _Counts:
    results: int = 0
    failures: int = 0
    settled: int = 0


class Pulse:
    """Makes beats of a run; used by one thread."""

    def __init__(self, run: Run, latencies: Latencies) -> None:
        self._run, self._latencies = run, latencies
        self._counts, self._refused = _Counts(), 0
        self._pipeline: Pipeline | None = None
        self._moved_ns = monotonic_ns()

    def beat(self, phase: Phase) -> Beat:
        """Return what was done since the last beat."""
        accounts, pipeline = self._run.report().accounts, self._run.pipeline
        before = self._counts
        self._counts = _Counts(
            accounts.results + accounts.stale, accounts.errors, accounts.delivered - accounts.in_flight
        )
        if not accounts.in_flight or self._counts.settled != before.settled:
            self._moved_ns = monotonic_ns()
        failures, nan = self._counts.failures - before.failures, self._count_refused(pipeline)
        taken_ms = sorted(self._latencies.take())
        return Beat(
            phase=phase,
            model_sha256=pipeline.model,
            results=self._counts.results - before.results,
            errors=max(0, failures - nan),
            nan=nan,
            latency_p50_ms=round(statistics.median(taken_ms), 4) if taken_ms else 0.0,
            latency_p99_ms=round(taken_ms[math.ceil(0.99 * len(taken_ms)) - 1], 4) if taken_ms else 0.0,
            resident_bytes=usage().resident_bytes,
            stuck_s=round((monotonic_ns() - self._moved_ns) / 1e9, 1),
            total=self._counts.results,
        )

    def _count_refused(self, pipeline: Pipeline) -> int:
        before = self._refused if pipeline is self._pipeline else 0
        self._pipeline, self._refused = pipeline, pipeline.refused
        return self._refused - before
