"""Another package in a worker: compared on live samples, or taking over; by `edge_sdk.runtime.swap`."""

from __future__ import annotations

import math
import threading
from pathlib import Path

from edge_sdk.agent.worker.listening import Mouth
from edge_sdk.agent.worker.messages import Compared, Refused, Report, Shadow, Switch, Switched
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime import Pipeline, Run
from edge_sdk.runtime.swap import SwapOptions, SwapReport


def try_candidate(request: Shadow | Switch, run: Run | None, mouth: Mouth) -> None:
    """Begin what is asked for, and say what came of it when it is over; who has no run yet refuses."""
    try:
        if run is None:
            raise UnavailableError(f"{request.package}: expected a worker that runs, got one that begins")
        swap = run.swap(Path(request.package), _options(request))
    except UnavailableError as exc:
        mouth.say(Refused(request.name, f"worker: {exc}"))  # no fault of the package
        return

    def follow() -> None:
        report = swap.wait()
        mouth.say(
            _result(request, report, run.pipeline) if report.state == "done" else Refused(request.name, report.cause)
        )

    threading.Thread(target=follow, name=request.name, daemon=True).start()


def _options(request: Shadow | Switch) -> SwapOptions:
    """Return what decides nothing: the agent judges by the gates of the release."""
    if isinstance(request, Switch):
        return SwapOptions(shadow_samples=0, watch_s=0, allow_gap=True)
    return SwapOptions(
        shadow_samples=request.samples,
        shadow_within_s=request.within_s,
        min_agreement=0,
        max_latency_ratio=math.inf,
        takes_over=False,
    )


def _result(request: Shadow | Switch, report: SwapReport, active: Pipeline) -> Report:
    if isinstance(request, Switch):
        return Switched(*identity(active))
    return Compared(report.compared, report.agreement or 0.0, report.latency_ratio or 0.0, report.memory_bytes)


def identity(pipeline: Pipeline) -> tuple[str, str, str]:
    """Return what is loaded: digest of the package, digest of the ONNX bytes, family of the variant."""
    opened = pipeline.opened
    return (opened.package.digest, pipeline.model, opened.family) if opened else ("", pipeline.model, "")
