"""Fifty models that take over under a camera of 30 pictures a second, one after the other."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from edge_sdk.clock import monotonic_ns
from edge_sdk.package import open_package
from edge_sdk.runtime import Pipeline, Run
from edge_sdk.runtime.accounting import Accounts
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.swap import SwapOptions
from edge_sdk.runtime.usage import usage

_FPS = 30.0
_SIZE_WH = (640, 360)
_ALONE_S = 15.0
_OPTIONS = SwapOptions(shadow_samples=10, watch_s=0.5)
_WARM, _SOME = 5, 10
"""Memory is compared by medians of ten swaps: those after the fifth, and the last."""


class _Camera:
    """A live source."""

    name, live, fps = "camera", True, _FPS

    def __init__(self, picture: Any) -> None:
        self._picture, self._next, self._due_s = picture, 0, time.monotonic()

    def read(self) -> Sample:
        """Wait for the next picture, which comes at its time whatever the one before took."""
        self._due_s += 1 / _FPS
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        seq, self._next = self._next, self._next + 1
        picture = self._picture.copy()
        picture[seq % picture.shape[0], 0] = seq % 256
        return Sample(picture, seq, captured_ns=monotonic_ns(), clock="arrival", source=self.name)

    def close(self) -> None:
        """Nothing is open."""


class _Times:
    """A sink that notes when results come."""

    name = "times"

    def __init__(self) -> None:
        self.at_s: list[float] = []

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Note one."""
        self.at_s.append(time.monotonic())

    def close(self) -> None:
        """Nothing is open."""


def swaps(package: str, count: str = "50") -> dict[str, Any]:
    """Return what was lost, the longest time without a result beside that without any swap, and the memory."""
    path, sink = Path(package), _Times()
    with Pipeline.open(open_package(path)) as pipeline:
        run = Run(pipeline, _Camera(pipeline.example(size_wh=_SIZE_WH)), sinks=[sink])
        thread = threading.Thread(target=run.execute)
        thread.start()
        time.sleep(_ALONE_S)
        begun, alone, resident_mb = len(sink.at_s), run.report().accounts, [_resident_mb()]
        reports = []
        for _ in range(int(count)):
            reports.append(run.swap(path, _OPTIONS).wait())
            resident_mb.append(_resident_mb())
        run.stop()
        thread.join()
    accounts = run.report().accounts
    start_mb, end_mb = (statistics.median(some) for some in (resident_mb[_WARM:][:_SOME], resident_mb[-_SOME:]))
    return {
        "swaps": len(reports),
        "done": sum(report.state == "done" for report in reports),
        "causes": sorted({report.cause for report in reports if report.state != "done"}),
        "captured": accounts.captured - alone.captured,
        "captured_without": alone.captured,
        "lost": _lost(accounts) - _lost(alone),
        "lost_without": _lost(alone),
        "longest_gap_ms": _longest_ms(sink.at_s[begun:]),
        "longest_gap_without_ms": _longest_ms(sink.at_s[:begun]),
        "before_MB": resident_mb[0],
        "start_MB": round(start_mb, 1),
        "end_MB": round(end_mb, 1),
        "growth_percent": round((end_mb / start_mb - 1) * 100, 2),
    }


def _lost(accounts: Accounts) -> int:
    return sum(count for cause, count in accounts.dropped.items() if cause != "stopped") + accounts.errors


def _longest_ms(at_s: list[float]) -> float:
    return round(max(later - earlier for earlier, later in itertools.pairwise(at_s)) * 1e3, 1)


def _resident_mb() -> float:
    return round(usage().resident_bytes / 1e6, 1)
