"""Which samples are worth a label, and why: every reason looked for in what a run knows already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from edge_sdk.runtime.frame import Outcome, Sample, is_picture
from edge_sdk.runtime.kept.record import Reason
from edge_sdk.runtime.sinks.keep.flicker import Flicker
from edge_sdk.runtime.sinks.keep.novelty import Seen
from edge_sdk.runtime.sinks.keep.options import KeepOptions
from edge_sdk.runtime.sinks.keep.reasons import chance_of, event_of, margin_of
from edge_sdk.tasks import Task

AGREES = 0.8
"""From this agreement on, two models say the same."""
_SOURCES = 16
"""Sources whose flicker is watched at once; each holds a sample."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A sample that is worth a label.

    Attributes:
        sample: It.
        outcome: What the model said.
        reasons: Why, and how strong each reason is, above 0 to 1.
    """

    sample: Sample
    outcome: Outcome
    reasons: dict[Reason, float]


class Judge:
    """Knows what came before; used from one thread."""

    def __init__(self, options: KeepOptions, task: Task) -> None:
        self._options, self._task = options, task
        self._seen = Seen(levels=options.novelty)
        self._flicker: OrderedDict[str, Flicker] = OrderedDict()

    def judge(self, sample: Sample, outcome: Outcome) -> Iterator[Worth]:
        """Take the next outcome; yield what is known now to be worth a label, this one or one shortly before."""
        if "flicker" in self._options.reasons and (was := self._flicker_of(sample.source).see(sample, outcome)):
            yield Worth(was.sample, was.outcome, {"flicker": min(1.0, was.score)})
        found: dict[Reason, float] = {
            "margin": margin_of(outcome, self._task.spec, width=self._options.margin),
            "novelty": self._novelty_of(sample),
            "event": event_of(outcome),
            "random": chance_of(outcome, one_in=self._options.one_in),
        }
        reasons = {reason: score for reason, score in found.items() if score > 0 and reason in self._options.reasons}
        if reasons:
            yield Worth(sample, outcome, reasons)

    def compare(self, sample: Sample, outcome: Outcome, agreement: float) -> Iterator[Worth]:
        """Take how far another model agrees; yield the sample if it does not."""
        if "disagreement" in self._options.reasons and agreement < AGREES:
            yield Worth(sample, outcome, {"disagreement": min(1.0, 1.0 - agreement)})

    def _novelty_of(self, sample: Sample) -> float:
        if "novelty" not in self._options.reasons or not is_picture(sample.data):
            return 0.0
        return self._seen.novelty(sample.data)

    def _flicker_of(self, source: str) -> Flicker:
        flicker = self._flicker.setdefault(source, Flicker(self._task))
        self._flicker.move_to_end(source)
        if len(self._flicker) > _SOURCES:
            self._flicker.popitem(last=False)
        return flicker
