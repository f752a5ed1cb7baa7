"""onnxruntime alone on one sample, as the yardstick of the machine: it does the same at any time."""

from __future__ import annotations

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.histogram import Histogram
from edge_sdk.runtime.metrics import Figures
from edge_sdk.runtime.pipeline import Pipeline

_WARM_UP_RUNS = 3
_LEAST_RUNS = 5
_MOST_RUNS = 2000
_ENOUGH_S = 1.0


def run_bare(pipeline: Pipeline, sample: Sample) -> Figures:
    """Run the model for about a second, 2000 times at most, and return what it took.

    Raises:
        InputError: The sample does not fit the model.
    """
    tensors, _ = pipeline.prepare(sample.data)
    for _ in range(_WARM_UP_RUNS):
        pipeline.session.run_bare(tensors)
    taken, start_ns = Histogram(), monotonic_ns()
    for number in range(_MOST_RUNS):
        before_ns = monotonic_ns()
        if number >= _LEAST_RUNS and before_ns - start_ns >= _ENOUGH_S * 1e9:
            break
        pipeline.session.run_bare(tensors)
        taken.add((monotonic_ns() - before_ns) / 1e6)
    return taken.figures()
