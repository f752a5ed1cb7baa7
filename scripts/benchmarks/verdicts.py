"""Whether edge-sdk reaches what it set out to reach, computed from the figures: one verdict a goal and model; pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scripts.benchmarks.figures import Loss, ModelFigures

MOST_DROP_POINTS = 0.3
LEAST_AGREEMENT = 0.97


@dataclass(frozen=True, slots=True)
class Verdict:
    """One goal on one model.

    Attributes:
        reached: Whether it is reached; None where there is nothing to judge by.
        because: The figures that decide.
    """

    reached: bool | None
    because: str


def judge(figures: ModelFigures) -> dict[str, Verdict]:
    """Return the verdict on each goal for one model."""
    ours = figures.ours
    missing = [one.name for one in ours if not one.is_measured]
    if not ours or missing:
        nothing = Verdict(False, f"no result of {', '.join(missing) or 'edge-sdk'}")
        return dict.fromkeys(GOALS, nothing)
    return {goal: decide(figures) for goal, decide in GOALS.items()}


def _small_drop(figures: ModelFigures) -> Verdict:
    """At most 0.3 points, or a drop that the samples do not tell from none."""
    losses = [one.loss for one in figures.ours if one.loss]
    if any(loss.points is None for loss in losses):
        return Verdict(None, "no labels")
    reached = all((loss.points or 0.0) <= MOST_DROP_POINTS or _may_be_none(loss) for loss in losses)
    return Verdict(reached, ", ".join(_drop(loss) for loss in losses))


def _agreement(figures: ModelFigures) -> Verdict:
    values = [one.loss.agreement for one in figures.ours if one.loss]
    return Verdict(min(values) >= LEAST_AGREEMENT, ", ".join(f"{value:.1%}" for value in values))


def _best_peer(figures: ModelFigures) -> Verdict:
    """No peer is better by more than the samples' noise, paired."""
    peers = [one for one in figures.peers("onnx", "runtime") if one.loss and one.loss.points is not None]
    if not peers:
        return Verdict(None, "no peer with a score")
    worst, told = True, []
    for ours in figures.ours:
        behind = {peer.name: peer.behind_ours[ours.name] for peer in peers if peer.behind_ours}
        name, loss = max(behind.items(), key=lambda item: item[1].points or 0.0)
        worst &= (loss.points or 0.0) <= 0.0 or _may_be_none(loss)
        told.append(f"{_drop(loss)} to {name}")
    return Verdict(worst, "; ".join(told))


def _latency(figures: ModelFigures) -> Verdict:
    """This machine's variant is faster than every int8 ONNX of a peer in onnxruntime."""
    peers = [one for one in figures.peers("onnx") if one.latency_ratio is not None]
    ours = figures.ours[0].latency_ratio
    if not peers or ours is None:
        return Verdict(None, "no peer with a time")
    best = min(peers, key=lambda one: one.latency_ratio or 0.0)
    return Verdict(ours < (best.latency_ratio or 0.0), f"{ours:.2f} against {best.latency_ratio:.2f} ({best.name})")


def _time(figures: ModelFigures) -> Verdict:
    """Each of ours takes no longer than the median peer."""
    peers = [one.seconds for one in figures.peers("onnx", "runtime") if one.seconds is not None]
    ours = [one.seconds for one in figures.ours if one.seconds is not None]
    if not peers:
        return Verdict(None, "no peer with a time")
    middle = statistics.median(peers)
    told = ", ".join(f"{seconds:.0f}" for seconds in ours)
    return Verdict(max(ours) <= middle, f"{told} s against {middle:.0f} s")


GOALS: Mapping[str, Callable[[ModelFigures], Verdict]] = {
    f"drop at most {MOST_DROP_POINTS} points, or within the noise": _small_drop,
    f"agreement at least {LEAST_AGREEMENT:.0%}": _agreement,
    "no worse than the best peer (paired)": _best_peer,
    "faster than every peer's ONNX": _latency,
    "quantizing no slower than the median peer": _time,
}


def _may_be_none(loss: Loss) -> bool:
    return loss.interval is not None and loss.interval[0] <= 0.0


def _drop(loss: Loss) -> str:
    low, high = loss.interval or (0.0, 0.0)
    return f"{loss.points:+.2f} ({low:+.2f} to {high:+.2f})"
