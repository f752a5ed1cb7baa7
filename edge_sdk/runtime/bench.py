"""How fast a model runs here: the run's own loop, beside onnxruntime alone on the same inputs in the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.runtime.books import Books
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.loop import Run
from edge_sdk.runtime.metrics import Figures, Ring, Stage
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.record import RunOptions
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.usage import peak_memory_bytes

_WARM_UP_FRAMES = 10
_NOISE_WH = (1280, 720)
_MOST_SAMPLES = 64
_TURN = 10
_ALONE = RunOptions(at_once=1)
"""Each sample has the processor for itself, as in the bare loop."""
_STAGES: tuple[Stage, ...] = ("preprocess", "infer", "decode", "own", "frame")


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured.

    Attributes:
        model: SHA-256 of the model's bytes.
        providers: The execution providers that ran it.
        source: What it ran on; noise finds nothing, so its decoding costs least.
        frames: How many samples were measured, after 10 that were not.
        frames_per_s: How many samples a second the loop takes, by the median of `frame`.
        stages: A whole sample (`frame`) and its parts; `own` is what the loop adds to the declared steps.
        bare: onnxruntime alone on the same inputs, by turns of 10 frames.
        around_bare_p50_ms: What `infer` takes beyond `bare`, by their medians.
        peak_memory_bytes: The most memory that this process ever had resident.
    """

    model: str
    providers: tuple[str, ...]
    source: str
    frames: int
    frames_per_s: float
    stages: Mapping[Stage, Figures]
    bare: Figures
    around_bare_p50_ms: float
    peak_memory_bytes: int


def bench(pipeline: Pipeline, source: Source | None = None, *, frames: int = 200) -> BenchReport:
    """Measure a model on this machine, as it is now.

    Args:
        pipeline: The opened model.
        source: Gives the samples, of which the first 64 are taken by turns; None takes noise.
        frames: How many samples are measured.

    Raises:
        InputError: `frames` is not positive, the source has no samples, or the first does not fit the model.
        UnavailableError: The source is gone.
    """
    if frames < 1:
        raise InputError(f"frames: expected at least 1, got {frames}")
    samples = [_noise(pipeline)] if source is None else _first(source)
    pipeline.process(samples[0])  # told at once if it does not fit, instead of counted
    Run(pipeline, _Again(samples, _WARM_UP_FRAMES), options=_ALONE).execute()
    books, bare = Books(), Ring()
    for start in range(0, frames, _TURN):
        turn = [samples[seq % len(samples)] for seq in range(start, min(frames, start + _TURN))]
        Run(pipeline, _Again(turn, len(turn)), options=_ALONE, books=books).execute()
        _run_bare(pipeline, turn, bare)
    stages = books.stages.figures()
    return BenchReport(
        model=pipeline.model,
        providers=pipeline.session.providers,
        source=samples[0].source if source is None else source.name,
        frames=stages["frame"].count,
        frames_per_s=round(1e3 / stages["frame"].p50_ms, 2),
        stages={stage: stages[stage] for stage in _STAGES},
        bare=bare.figures(),
        around_bare_p50_ms=round(stages["infer"].p50_ms - bare.figures().p50_ms, 4),
        peak_memory_bytes=peak_memory_bytes(),
    )


class _Again:
    """A source that gives the same samples again and again."""

    live = False
    fps = 0.0

    def __init__(self, samples: Sequence[Sample], count: int) -> None:
        self.name = samples[0].source
        self._samples, self._count, self._next = samples, count, 0

    def read(self) -> Sample | None:
        seq, self._next = self._next, self._next + 1
        return replace(self._samples[seq % len(self._samples)], seq=seq) if seq < self._count else None

    def close(self) -> None:
        pass


def _run_bare(pipeline: Pipeline, samples: Sequence[Sample], bare: Ring) -> None:
    for sample in samples:
        tensors, _ = pipeline.prepare(sample.data)
        start_ns = monotonic_ns()
        pipeline.session.run_bare(tensors)
        bare.add((monotonic_ns() - start_ns) / 1e6)


def _noise(pipeline: Pipeline) -> Sample:
    name = "noise of {}x{}".format(*_NOISE_WH) if pipeline.manifest.preprocess.image is not None else "noise"
    return Sample(pipeline.example(size_wh=_NOISE_WH), 0, captured_ns=0, clock="file", source=name)


def _first(source: Source) -> list[Sample]:
    samples: list[Sample] = []
    while len(samples) < _MOST_SAMPLES and (sample := source.read()) is not None:
        samples.append(sample)
    if not samples:
        raise InputError(f"{source.name}: expected samples, got none")
    return samples
