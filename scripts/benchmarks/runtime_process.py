"""What `scripts/bench runtime` measures in a process of its own; the figures are JSON on stdout."""

from __future__ import annotations

import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

_IDLE_S = 6.0
_PERIOD_S = 0.1
_FRAMES = 50
_SIZE_WH = (640, 360)


def idle(package: str) -> dict[str, float]:
    """Return the share of a core that 10 frames a second take: edge-sdk's, and the bare loop's with the same steps."""
    from edge_sdk.runtime import Run, RunOptions
    from scripts.benchmarks import runtime_loops as loops

    with loops.pipeline(Path(package), loops.cores()) as pipeline:
        picture = pipeline.example(size_wh=_SIZE_WH)

        def bare() -> None:
            for _ in range(round(_IDLE_S / _PERIOD_S)):
                time.sleep(_PERIOD_S)
                pipeline(picture)

        def ours() -> None:
            source = _Camera(picture)
            Run(pipeline, source, options=RunOptions(duration_s=_IDLE_S)).execute()

        shares: dict[str, list[float]] = {"bare": [], "edge_sdk": []}
        for _ in range(5):
            shares["bare"].append(_share(bare))
            shares["edge_sdk"].append(_share(ours))
    bare_, ours_ = (statistics.median(values) for values in shares.values())
    return {"bare_percent": bare_, "edge_sdk_percent": ours_, "more_percent": round(ours_ - bare_, 2)}


class _Camera:
    """A live source of ten pictures a second."""

    name, live, fps = "camera", True, 10.0

    def __init__(self, picture: Any) -> None:
        self._picture, self._next = picture, 0

    def read(self) -> Any:
        """Wait for the next picture."""
        from edge_sdk.clock import monotonic_ns
        from edge_sdk.runtime.frame import Sample

        time.sleep(_PERIOD_S)
        seq, self._next = self._next, self._next + 1
        picture = self._picture.copy()
        picture[seq % picture.shape[0], 0] = seq % 256
        return Sample(picture, seq, captured_ns=monotonic_ns(), clock="arrival", source=self.name)

    def close(self) -> None:
        """Nothing is open."""


def _share(run: Any) -> float:
    start_s, cpu_s = time.monotonic(), time.process_time()
    run()
    return round((time.process_time() - cpu_s) / (time.monotonic() - start_s) * 100, 2)


def memory_bare(model: str) -> dict[str, float]:
    """Return resident MB of onnxruntime and OpenCV with the model, after some frames."""
    import cv2
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    shape = [size if isinstance(size, int) else 1 for size in given.shape]
    dtype = np.uint8 if given.type == "tensor(uint8)" else np.float32
    picture = np.random.default_rng(0).integers(0, 256, (_SIZE_WH[1], _SIZE_WH[0], 3), np.uint8)
    for _ in range(_FRAMES):
        small = cv2.resize(picture.copy(), (224, 224))
        session.run(None, {given.name: np.resize(small, shape).astype(dtype)})
    return {"MB": _resident_mb()}


def memory(package: str) -> dict[str, float]:
    """Return resident MB of edge-sdk after some frames."""
    from edge_sdk.package import open_package
    from edge_sdk.runtime import Pipeline, Run, RunOptions

    with Pipeline.open(open_package(Path(package))) as pipeline:
        source = _Camera(pipeline.example(size_wh=_SIZE_WH))
        Run(pipeline, source, options=RunOptions(max_frames=_FRAMES)).execute()
        return {"MB": _resident_mb()}


def replay(package: str, clip: str, seconds: str) -> dict[str, Any]:
    """Return how resident memory goes while a clip is run again and again, after a quarter of the time to warm up."""
    from edge_sdk.package import open_package
    from edge_sdk.runtime import Pipeline
    from edge_sdk.runtime.sustain.endless import open_endless
    from edge_sdk.runtime.sustain.measure import Sustained
    from edge_sdk.runtime.sustain.record import Look, SustainOptions
    from scripts.benchmarks.runtime_loops import Drawing

    looks: list[Look] = []
    options = SustainOptions(float(seconds), warm_up_s=float(seconds) / 4)
    with Pipeline.open(open_package(Path(package))) as pipeline:
        feeds = partial(open_endless, [clip])
        run = Sustained(pipeline, feeds, options, sinks=[lambda _: Drawing()], tell=looks.append).measure().run
    resident_mb = [round(look.used.resident_bytes / 1e6, 1) for look in looks]
    fifth = max(1, len(resident_mb) // 5)
    start_mb, end_mb = statistics.median(resident_mb[:fifth]), statistics.median(resident_mb[-fifth:])
    return {
        "seconds": round(run.duration_s),
        "captured": run.accounts.captured,
        "results": run.accounts.results,
        "stopped": run.accounts.dropped.get("stopped", 0),
        "start_MB": start_mb,
        "end_MB": end_mb,
        "growth_percent": round((end_mb / start_mb - 1) * 100, 2),
    }


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1e3, 1)
    return 0.0


def main() -> None:
    """Measure what the command line names."""
    from scripts.benchmarks.swaps import swaps

    name, *words = sys.argv[1:]
    measures = {"idle": idle, "memory-bare": memory_bare, "memory": memory, "replay": replay, "swaps": swaps}
    sys.stdout.write(json.dumps(measures[name](*words)))


if __name__ == "__main__":
    main()
