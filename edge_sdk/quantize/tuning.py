"""What a family of integers is written with beyond its placement: ranges and layers, found on calibration samples.

Ranges are chosen once, and weights are rounded once, on the first choice of layers that stay in float: what other
choices change of the layers' inputs is small. Biases are corrected anew for each choice, in the way that leaves less
noise at the outputs; which that is, is measured once, on the first choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.measure import open_float
from edge_sdk.quantize.ranges import Range
from edge_sdk.quantize.recovery import CORRECTIONS, Correction, affordable, choose_ranges, reconstruct
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.sensitivity import relative_error
from edge_sdk.quantize.weights import Layer
from edge_sdk.samples import Samples
from edge_sdk.tensors import Tensors

_RANGE_WORK = 4 * 10**9
"""Multiply-accumulates of one trial of all ranges: large models are tried on fewer samples."""
_LEAST_SAMPLES, _MOST_SAMPLES = 8, 64
_COMPARED_SAMPLES = 24

Layers = Mapping[str, Layer]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How one family of integers is written.

    Attributes:
        family: The family.
        graph: The cleaned float graph.
        statistics: What calibration saw of its tensors.
        calibration: The calibration samples.
        progress: Shows what is being done.
        ranges: The range of each tensor, or the one way to choose it.
        told: How ranges were chosen, in words.
        made: The layers of each choice of float layers so far.
        corrections: The way to correct biases, once it is known.
    """

    family: Family
    graph: Graph
    statistics: Mapping[str, Statistics]
    calibration: Samples
    progress: Progress
    ranges: families.Ranges
    told: str
    made: dict[tuple[str, ...], Layers] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)

    def layers(self, excluded: Sequence[str]) -> Layers:
        """Return the layers as they are best with some layers in float."""
        choice = tuple(excluded)
        if choice not in self.made:
            rounded = next(iter(self.made.values()), None)
            self.made[choice] = (
                self._compared(excluded)
                if rounded is None
                else self._reconstructed(excluded, self.corrections[0], rounded)
            )
        return self.made[choice]

    def _compared(self, excluded: Sequence[str]) -> Layers:
        """Try all ways to correct biases, and keep the one that leaves the least noise."""
        few, reference = _spread(self.calibration, _COMPARED_SAMPLES), open_float(self.graph)
        expected = [reference.run(sample) for sample in few]
        noises: dict[Correction, float] = {}
        tried: dict[Correction, Layers] = {}
        for correction in CORRECTIONS:
            rounded = next(iter(tried.values()), None)
            tried[correction] = self._reconstructed(excluded, correction, rounded)
            stand_in = families.measured_as(self.family)
            model = families.emit(
                stand_in, self.graph, self.statistics, self.ranges, excluded, layers=tried[correction]
            )
            session = families.open_measured(stand_in, model)
            noises[correction] = relative_error(expected, (session.run(sample) for sample in few))
        best = min(CORRECTIONS, key=lambda correction: noises[correction])
        self.corrections.append(best)
        if best == CORRECTIONS[0]:
            return tried[best]
        return self._reconstructed(excluded, best)  # with weights rounded on what its own biases give

    def _reconstructed(self, excluded: Sequence[str], correction: Correction, rounded: Layers | None = None) -> Layers:
        integers = families.integers(self.family, self.graph, self.statistics, self.ranges, excluded)
        samples = _spread(self.calibration, affordable(integers.graph))
        with self.progress(f"rounding the weights of {self.family}", len(integers.graph.nodes)) as advance:
            return reconstruct(integers, samples, correction, rounded=rounded, advance=advance)


def tune(
    family: Family,
    graph: Graph,
    statistics: Mapping[str, Statistics],
    calibration: Samples,
    method: RangeMethod,
    *,
    progress: Progress,
) -> Tuning:
    """Return how a family of integers is to be written; `auto` finds a range for each tensor."""
    if method != "auto":
        return Tuning(family, graph, statistics, calibration, progress, method, method)
    work = max(sum(graph.macs(node) for node in graph.nodes), 1)
    samples = _spread(calibration, min(max(_RANGE_WORK // work, _LEAST_SAMPLES), _MOST_SAMPLES))
    with progress(f"choosing the ranges of {family}", len(statistics)) as advance:
        chosen = choose_ranges(graph, statistics, samples, symmetric=FORMS[family].symmetric, advance=advance)
    ranges = {name: span for name, (_, span) in chosen.items()}
    return Tuning(family, graph, statistics, calibration, progress, ranges, _told(chosen))


def _spread(samples: Samples, most: int) -> list[Tensors]:
    return [item.tensors for item in samples.spread(most)]


def _told(chosen: Mapping[str, tuple[str, Range]]) -> str:
    """Return how often each way of choosing a range was the best, in words."""
    counts = Counter(name for name, _ in chosen.values())
    return ", ".join(f"{name} for {count}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair)))
