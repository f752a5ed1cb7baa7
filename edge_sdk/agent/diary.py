"""What the agent itself puts into the outbox: events and metrics, as rows of JSON; the worker puts results there."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from edge_sdk.agent.worker.messages import Beat
from edge_sdk.errors import EdgeError
from edge_sdk.outbox import Outbox
from edge_sdk.wire.messages import Stream

log = logging.getLogger(__name__)

_MAX_LETTERS = 500


class Diary:
    """Events and metrics of this board; for one thread."""

    def __init__(
        self, outbox: Outbox, *, unix_s: Callable[[], float], now_s: Callable[[], float], period_s: float
    ) -> None:
        """Begin.

        Args:
            outbox: Where rows go.
            unix_s: What time it is, at least.
            now_s: A monotonic clock, in seconds.
            period_s: How often metrics are put, in seconds.
        """
        self._outbox, self._unix_s, self._now_s, self._period_s = outbox, unix_s, now_s, period_s
        self._since_s = now_s()
        self._beats: list[Beat] = []

    def note(self, kind: str, **facts: Any) -> None:
        """Put an event; one that finds no room is told in the log only."""
        self._put("events", {"kind": kind, **facts})

    def count(self, beat: Beat) -> None:
        """Take a beat for the next metrics."""
        self._beats.append(beat)
        if self._now_s() - self._since_s >= self._period_s:
            self._put("metrics", _summary(self._beats, self._now_s() - self._since_s))
            self._beats, self._since_s = [], self._now_s()

    def _put(self, stream: Stream, facts: dict[str, Any]) -> None:
        row = {"unix_s": round(self._unix_s(), 3), **{name: _bounded(value) for name, value in facts.items()}}
        try:
            self._outbox.put(stream, json.dumps(row, ensure_ascii=False).encode(errors="backslashreplace"))
        except EdgeError as exc:
            log.warning("%s", exc)


def _summary(beats: list[Beat], seconds: float) -> dict[str, Any]:
    """Return what the beats of some time say together."""
    heard = [beat for beat in beats if beat.results]
    return {
        "seconds": round(seconds, 1),
        "results": sum(beat.results for beat in beats),
        "errors": sum(beat.errors for beat in beats),
        "nan": sum(beat.nan for beat in beats),
        "latency_p50_ms": sorted(beat.latency_p50_ms for beat in heard)[len(heard) // 2] if heard else None,
        "latency_p99_ms": max((beat.latency_p99_ms for beat in heard), default=None),
        "worker_bytes": beats[-1].resident_bytes,
        "phase": beats[-1].phase,
    }


def _bounded(value: Any) -> Any:
    return value[:_MAX_LETTERS] if isinstance(value, str) else value
