"""How the tests of what is kept make samples, outcomes and sinks."""

from __future__ import annotations

import numpy as np

from edge_sdk.runtime import open_sink
from edge_sdk.runtime.frame import Outcome, Sample, Timings
from edge_sdk.tasks import Classification, Detections
from tests.fakes import Replay

LABELS = ("person", "car")
EVERYTHING = "per_hour=1e9&gap_s=0"


def noise(seed=0, *, size_wh=(96, 64)):
    """Return a picture of coarse noise, which resembles no other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    rows, columns = (np.arange(size) * 16 // size for size in (size_wh[1], size_wh[0]))
    return coarse[np.ix_(rows, columns)]


def boxes(*found):
    """Return detections of (xyxy, score, class)."""
    return Detections(
        np.array([one[0] for one in found], np.float32).reshape(-1, 4),
        np.array([one[1] for one in found], np.float32),
        np.array([one[2] for one in found], np.int64),
    )


def classes(*scores):
    """Return a classification with these scores, best first; a pair is a class with its score."""
    pairs = [one if isinstance(one, tuple) else (index, one) for index, one in enumerate(scores)]
    return Classification(tuple(index for index, _ in pairs), tuple(score for _, score in pairs))


def seen(value, *, seq=0, at_s=None, data=None, candidates=None, source="camera:0"):
    """Return a sample, and the outcome with this value; ten a second if no time is told."""
    at_ns = round((seq / 10 if at_s is None else at_s) * 1e9)
    sample = Sample(noise(seq) if data is None else data, seq, at_ns, "driver", source)
    timings = Timings(1.0, 1.0, 1.0)
    return sample, Outcome(seq, at_ns, "driver", source, "ab" * 32, value, LABELS, timings, 1.0, candidates)


def open_keep(folder, manifest, options=EVERYTHING):
    """Return a sink that serves a model."""
    sink = open_sink(f"keep:{folder}?{options}", Replay([]))
    sink.serve(manifest)
    return sink
