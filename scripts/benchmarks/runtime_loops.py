"""The loops that `scripts/bench runtime` compares, each over the same pictures and with the same opened model."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import edge_sdk as package_of_all
from edge_sdk.package import open_package
from edge_sdk.preprocess import ImageSteps
from edge_sdk.profiles import detect_profile
from edge_sdk.runtime import Pipeline, Run, open_source
from edge_sdk.runtime.draw import annotate
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.session import config_for, runtime_version
from edge_sdk.tensors import Array, TensorSpec

FRAMES = 120


@dataclass(frozen=True, slots=True)
class Timed:
    """What a frame took by the clock on the wall, and edge-sdk's own part of it, in milliseconds."""

    frame_ms: float
    own_p50_ms: float = 0.0
    own_p99_ms: float = 0.0


class Again:
    """A source that has its pictures in memory."""

    name, live, fps = "pictures", False, 0.0

    def __init__(self, pictures: Sequence[Array]) -> None:
        self._pictures, self._next = pictures, 0

    def read(self) -> Sample | None:
        """Return the next picture."""
        if self._next == len(self._pictures):
            return None
        seq, self._next = self._next, self._next + 1
        return Sample(self._pictures[seq], seq, captured_ns=seq, clock="file", source=self.name)

    def close(self) -> None:
        """Nothing is open."""


class Clip:
    """The first frames of a clip, decoded as they are read."""

    live, fps = False, 0.0

    def __init__(self, clip: Path, frames: int) -> None:
        self._source, self._left = open_source(str(clip)), frames
        self.name = self._source.name

    def read(self) -> Sample | None:
        """Return the next frame."""
        self._left -= 1
        return self._source.read() if self._left >= 0 else None

    def close(self) -> None:
        """Close the clip."""
        self._source.close()


class Drawing:
    """A sink that draws the result into the picture, as a preview would."""

    name = "drawing"

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Draw."""
        annotate(sample.data, outcome.value, outcome.labels)

    def close(self) -> None:
        """Nothing is open."""


def cores() -> int:
    """Return how many processors there are for us."""
    return len(os.sched_getaffinity(0))


def facts() -> dict[str, Any]:
    """Return what ran where."""
    return {
        "machine": f"{platform.machine()}, {cores()} cores, {detect_profile().profile.name}",
        "versions": {
            "edge_sdk": package_of_all.__version__,
            "python": platform.python_version(),
            "onnxruntime": runtime_version(),
            "opencv": cv2.__version__,
            "numpy": np.__version__,
        },
    }


def pipeline(path: Path, threads: int) -> Pipeline:
    """Return this machine's variant of a package, opened with so many threads."""
    package = open_package(path)
    profile = detect_profile().profile
    family, model = package.model_for(profile)
    return Pipeline(package.manifest, model, config=replace(config_for(profile, family), threads=threads))


def pictures(clip: Path) -> list[Array]:
    """Return the first frames of a clip."""
    source = Clip(clip, FRAMES)
    found = []
    while (sample := source.read()) is not None:
        found.append(sample.data)
    source.close()
    return found


def bare(opened: Pipeline, frames: Sequence[Array]) -> Timed:
    """Run the model alone, on tensors that are ready."""
    ready = [opened.prepare(frame)[0] for frame in frames[:16]]
    start_s = time.perf_counter()
    for number in range(len(frames)):
        opened.session.run_bare(ready[number % len(ready)])
    return Timed((time.perf_counter() - start_s) * 1e3 / len(frames))


def edge_sdk(opened: Pipeline, source: Again | Clip, *, draws: bool = False) -> Timed:
    """Run edge-sdk on a source."""
    start_s = time.perf_counter()
    report = Run(opened, source, sinks=[Drawing()] if draws else []).execute()
    frame_ms = (time.perf_counter() - start_s) * 1e3 / report.accounts.results
    own = report.stages["own"]
    return Timed(frame_ms, own.p50_ms, own.p99_ms)


def by_hand(opened: Pipeline, clip: Path, frames: int) -> Timed:
    """Do what one writes first: read, prepare, run and draw, one after the other."""
    capture = cv2.VideoCapture(str(clip))
    start_s = time.perf_counter()
    for _ in range(frames):
        _, frame = capture.read()
        draw_by_hand(frame, infer_by_hand(opened, frame))
    elapsed_ms = (time.perf_counter() - start_s) * 1e3
    capture.release()
    return Timed(elapsed_ms / frames)


def infer_by_hand(opened: Pipeline, frame: Array) -> Array:
    """Return the scores of one picture."""
    steps, given = opened.manifest.preprocess_for(opened.model).image, opened.session.inputs[0]
    assert steps is not None
    scores: Array = opened.session.run_bare({given.name: _prepare_by_hand(frame, steps, given)})[0][0]
    return scores


def draw_by_hand(frame: Array, scores: Array) -> None:
    """Draw the best five."""
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    for row, index in enumerate(np.argsort(chances)[::-1][:5]):
        text = f"{index} {chances[index]:.2f}"
        cv2.putText(frame, text, (10, 24 + 24 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 255, 0), 2)


def _prepare_by_hand(frame: Array, steps: ImageSteps, given: TensorSpec) -> Array:
    """Scale the shorter side, crop the centre, and normalize where the model does not, as the tutorials do."""
    (width, height), side = steps.size_wh, steps.shorter_side or min(steps.size_wh)
    scale = side / min(frame.shape[:2])
    small = cv2.resize(frame, (round(frame.shape[1] * scale), round(frame.shape[0] * scale)))
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    crop = small[top : top + height, left : left + width]
    if given.dtype == "uint8":
        pixels = cv2.cvtColor(crop, cv2.COLOR_BGR2BGRA if given.shape[-1] == 4 else cv2.COLOR_BGR2RGB)
        return pixels[np.newaxis] if given.shape[-1] in {3, 4} else pixels.transpose(2, 0, 1)[np.newaxis]
    values = (cv2.cvtColor(crop, cv2.COLOR_BGR2RGB) / 255.0 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)[np.newaxis]
