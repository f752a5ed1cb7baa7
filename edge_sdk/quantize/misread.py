"""Whether pixels are read as the model was trained: the declared reading is held against the usual others.

- One sign that another reading fits better is a warning; two that agree, or one beyond doubt, refuse.
- A few samples rule out most readings; only what could fit better sees more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge_sdk.preprocess import ImageSteps
from edge_sdk.quantize import evidence
from edge_sdk.quantize.evidence import Sign, Trial
from edge_sdk.quantize.finding import Finding
from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.material import Material
from edge_sdk.quantize.probe import Probe
from edge_sdk.quantize.readings import Reading, other_readings, reread
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.source import Source
from edge_sdk.samples import Item
from edge_sdk.tasks import Task, Truth, build_task, for_scoring

_MOST, _LEAST, _SCREENED = 48, 16, 6
_NAMED = 2
_READING_MACS = 20_000_000_000
"""Multiply-accumulates to spend on one reading: fewer samples of a larger model are read."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """What readings are tried on.

    Attributes:
        probe: The model.
        items: The samples, read as declared.
        steps: What is declared.
        task: What decodes and scores; None without labels.
        truths: The labels of the samples, empty without.
    """

    probe: Probe
    items: Sequence[Item]
    steps: ImageSteps
    task: Task | None
    truths: Sequence[Truth]

    def first(self, count: int) -> _Bench:
        """Return the same with fewer samples, spread over all."""
        chosen = _spread(len(self.items), count)
        truths = [self.truths[i] for i in chosen] if self.truths else ()
        return replace(self, items=[self.items[i] for i in chosen], truths=truths)

    def attempt(self, reading: Reading, advance: Callable[[int], None]) -> Trial:
        glances, results = [], []
        for item in self.items:
            tensors = {name: reread(values, self.steps, reading.steps) for name, values in item.tensors.items()}
            glance = self.probe.glance(tensors)
            if self.task is not None:
                results.append(self.task.decode(glance.outputs, item.transform, tensors))
            glances.append(replace(glance, outputs={}))
            advance(1)
        return Trial(reading.flags, tuple(glances), tuple(results))

    def signs(self, other: Trial, declared: Trial) -> list[Sign]:
        scoring = None if self.task is None else (self.task, self.truths)
        return evidence.signs_for(other, declared, self.probe.expected, scoring)


def misread_findings(original: Model, source: Source, material: Material, progress: Progress) -> Iterator[Finding]:
    """Yield a finding if the pictures fit the model better under another reading.

    Args:
        original: The model as its file has it.
        source: The cleaned model, with what is declared.
        material: The samples.
        progress: Shows what is being done.
    """
    steps = source.preprocess.image
    readings = () if steps is None else other_readings(steps)
    if steps is None or not readings:
        return
    bench = _prepare(original, source, material, steps)
    few = bench.first(_SCREENED)
    with progress("trying other readings", len(few.items) * (len(readings) + 1)) as advance:
        declared = few.attempt(Reading("", bench.steps), advance)
        likely = [one for one in readings if _could_fit(few, few.attempt(one, advance), declared)]
    if not likely:
        return
    with progress("comparing readings", len(bench.items) * (len(likely) + 1)) as advance:
        declared = bench.attempt(Reading("", bench.steps), advance)
        trials = [bench.attempt(one, advance) for one in likely]
    found = [(trial, signs) for trial in trials if (signs := bench.signs(trial, declared))]
    if found:
        found.sort(key=lambda pair: _fit(pair[0], pair[1], declared, bench), reverse=True)
        yield _finding(found, len(bench.items))


def _prepare(original: Model, source: Source, material: Material, steps: ImageSteps) -> _Bench:
    truths = material.truths
    samples = material.calibration if truths is None else material.evaluation
    chosen = _spread(len(samples), _affordable(source.graph))
    return _Bench(
        probe=Probe(original, source.graph),
        items=list(samples.pick(chosen)),
        steps=steps,
        task=None if truths is None else build_task(for_scoring(source.task)),
        truths=() if truths is None else [truths[i] for i in chosen],
    )


def _affordable(graph: Graph) -> int:
    macs = sum(graph.macs(node) for node in graph.nodes)
    return min(_MOST, max(_LEAST, _READING_MACS // max(macs, 1)))


def _spread(count: int, most: int) -> list[int]:
    return [i * count // most for i in range(most)] if count > most else list(range(count))


def _could_fit(bench: _Bench, other: Trial, declared: Trial) -> bool:
    """Tell whether a reading could turn out to fit better, after a few samples."""
    expected = bench.probe.expected
    if expected:
        return evidence.divergence(other, expected) < evidence.divergence(declared, expected)
    if not evidence.is_plausible(other):
        return False
    ours, theirs, _ = evidence.certainty_gain(other, declared)
    return not evidence.is_plausible(declared) or theirs > ours or (ours == 0 and bench.task is not None)


def _fit(trial: Trial, signs: Sequence[Sign], declared: Trial, bench: _Bench) -> tuple[float, float]:
    """Return what orders readings: the greatest fits best."""
    if expected := bench.probe.expected:
        return -evidence.divergence(trial, expected), 0.0
    return len(signs), evidence.certainty_gain(trial, declared)[1]


def _finding(found: Sequence[tuple[Trial, Sequence[Sign]]], samples: int) -> Finding:
    """Return the finding of readings that fit better, the best first."""
    (best, signs), *others = found
    is_clear = len(signs) > 1 or any(sign.is_decisive for sign in signs)
    too = " and ".join(other.flags for other, theirs in others[:_NAMED] if len(theirs) == len(signs))
    return Finding(
        kind="reading",
        severity="refuse" if is_clear else "warn",
        place="preprocessing",
        says=f"expected pixels read as the model was trained, got a declaration that '{best.flags}' fits better than",
        evidence=f"of {samples} samples: " + "; ".join(sign.says for sign in signs),
        hint=f"if the model was trained so, say {best.flags}" + (f" ({too} would fit better too)" if too else ""),
    )
