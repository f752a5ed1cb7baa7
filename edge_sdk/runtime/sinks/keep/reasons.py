"""Why a sample is worth a label, told from one outcome alone: how strong each reason is, 0 to 1; 0 is none.

- Low margin: the two best answers lie close together (margin sampling: Scheffer et al. 2001; Settles, "Active Learning
  Literature Survey", 2009, section 3.1). A box is in doubt where its score lies near the threshold, on either side;
  so is an anomaly.
- An event: a crossing or a heard word starts with it; wrong counts are looked for there.
- Chance: one of N by a checksum of source and number, which knows nothing of what is seen: without such samples, a
  model would be trained and judged by hard ones alone.
"""

from __future__ import annotations

import zlib

import numpy as np

from edge_sdk.runtime.follow.events import Heard
from edge_sdk.runtime.follow.tracks import Tracked
from edge_sdk.runtime.frame import Outcome
from edge_sdk.tasks import Anomaly, Classification, Detections, Instances, Poses, Result, TaskSpec


def margin_of(outcome: Outcome, spec: TaskSpec, *, width: float) -> float:
    """Return how near the model was to another answer; 1 is undecided, 0 is `width` away or more.

    Args:
        outcome: With the candidates below the threshold, for boxes.
        spec: The task.
        width: See `KeepOptions.margin`.
    """
    distance = _distance(bare(outcome.value), outcome.candidates, spec)
    return max(0.0, 1.0 - distance / width) if np.isfinite(distance) else 0.0


def event_of(outcome: Outcome) -> float:
    """Return 1 where something happens that is told as an event, else 0."""
    value = outcome.value
    if isinstance(value, Tracked):
        return float(bool(value.crossings))
    return float(isinstance(value, Heard) and bool(value.events.classes))


def chance_of(outcome: Outcome, *, one_in: int) -> float:
    """Return 1 for one of `one_in` samples, else 0; the same sample always gets the same."""
    return float(zlib.crc32(f"{outcome.source}#{outcome.seq}".encode(errors="replace")) % one_in == 0)


def bare(value: Result) -> Result:
    """Return what the task decoded, without what was made of it over time."""
    if isinstance(value, Tracked):
        return value.found
    return value.value if isinstance(value, Heard) else value


def _distance(value: Result, candidates: Result | None, spec: TaskSpec) -> float:
    if isinstance(value, Classification):
        return value.scores[0] - value.scores[1] if len(value.scores) > 1 else np.inf
    found = candidates if candidates is not None else value
    if isinstance(found, (Detections, Instances, Poses)):
        return float(np.abs(found.scores - spec.score_threshold).min(initial=np.inf))
    if isinstance(value, Anomaly) and value.threshold > 0:
        return abs(value.score - value.threshold) / value.threshold
    return np.inf
