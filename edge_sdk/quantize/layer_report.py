"""What quantizing does to each layer, as the report tells it: the noise it adds, and the range behind that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.families import Ranges
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.histogram import Histogram
from edge_sdk.quantize.layer_noise import Twin, find_twin, is_float_in, measure_noise
from edge_sdk.quantize.ranges import Range, candidate_ranges
from edge_sdk.session import Session
from edge_sdk.tensors import SAME_DB, Tensors

MOST_HISTOGRAMS = 6
_BARS = 48


@dataclass(frozen=True, slots=True)
class LayerRange:
    """The range of a tensor of a layer.

    Attributes:
        of: Whether it is the layer's `results` or its `inputs`.
        method: The way in which it was chosen; empty where that is not known.
        low: The least value that the steps cover.
        high: The greatest value that they cover.
        seen_low: The least value that calibration saw, at most 0.
        seen_high: The greatest, at least 0.
        clipped: Share of the values that lie outside the range, 0 to 1.
        zeros: Share of the values that are exactly 0.
        bars: How many values, but for exact zeros, lie in each of equal parts from the least to the greatest of all
            these ends; told only of the layers that add most noise.
    """

    of: str
    method: str
    low: float
    high: float
    seen_low: float
    seen_high: float
    clipped: float
    zeros: float
    bars: tuple[int, ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """Where the bars begin and end."""
        return min(self.low, self.seen_low), max(self.high, self.seen_high)


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of a variant.

    Attributes:
        name: The layer.
        op: Its operator.
        work: Its share of the multiply-accumulates, 0 to 1.
        is_float: Whether it stays in float.
        added_db: Its results against the noise that it adds itself, in dB, at most 200; None where that is not known.
        gathered_db: Its results against all the noise that has gathered there, likewise.
        weights: The least and the greatest of its weights; None where they are computed.
        range: The range behind it; None where there is none.
    """

    name: str
    op: str
    work: float
    is_float: bool
    added_db: float | None
    gathered_db: float | None
    weights: tuple[float, float] | None
    range: LayerRange | None


def noise_share(snr_db: float) -> float:
    """Return the noise beside a signal as a share of its amplitude (root mean square)."""
    return float(10.0 ** (-snr_db / 20.0))


def worst_first(layers: Sequence[LayerReport]) -> list[LayerReport]:
    """Return the layers, those first that add most noise; of equals the first of the model."""
    return sorted(layers, key=lambda layer: SAME_DB + 1 if layer.added_db is None else layer.added_db)


@dataclass(frozen=True, slots=True)
class Written:
    """A variant that is told about.

    Attributes:
        graph: The float graph that it is made of.
        variant: What was emitted of it, as it was measured.
        statistics: What calibration saw.
        ranges: The range of each tensor, or the one way in which all were chosen.
        pairs_before: Whether Q/DQ pairs belong to the layers that read them, as on TensorRT.
        open_variant: Opens a form of the variant as it was measured.
    """

    graph: Graph
    variant: Graph
    statistics: Mapping[str, Statistics]
    ranges: Ranges
    pairs_before: bool
    open_variant: Callable[[bytes], Session]


def tell_layers(written: Written, layers: Sequence[Node], samples: Sequence[Tensors]) -> tuple[LayerReport, ...]:
    """Return what quantizing does to layers, in the order of the model.

    Args:
        written: The variant.
        layers: The layers in the float graph.
        samples: A few inputs of the model.
    """
    graph, variant = written.graph, written.variant
    found = [find_twin(graph, variant, node, pairs_before=written.pairs_before) for node in layers]
    twins = [twin for twin in found if twin is not None]
    noises = measure_noise(graph, variant, twins, samples, written.open_variant)
    total = max(sum(graph.macs(node) for node in graph.nodes), 1)
    told = []
    for twin in twins:
        noise = noises.get(twin.node.name)
        told.append(
            LayerReport(
                name=twin.node.name,
                op=twin.node.op_type,
                work=graph.macs(twin.node) / total,
                is_float=is_float_in(variant, twin),
                added_db=noise.added_db if noise else None,
                gathered_db=noise.gathered_db if noise else None,
                weights=_ends_of_weights(graph, twin.node),
                range=_range(written, twin),
            )
        )
    shown = {layer.name for layer in worst_first([one for one in told if one.range is not None])[:MOST_HISTOGRAMS]}
    histograms = {twin.node.name: _histogram(written, twin) for twin in twins}
    return tuple(_with_bars(layer, histograms[layer.name]) if layer.name in shown else layer for layer in told)


def _ends_of_weights(graph: Graph, node: Node) -> tuple[float, float] | None:
    weights = graph.constants.get(node.input[1])
    return None if weights is None or not weights.size else (_short(weights.min()), _short(weights.max()))


def _tensor(twin: Twin) -> str:
    return twin.result if twin.of == "results" else str(twin.node.input[0])


def _histogram(written: Written, twin: Twin) -> Histogram | None:
    seen = written.statistics.get(_tensor(twin))
    return None if seen is None else seen.histogram


def _range(written: Written, twin: Twin) -> LayerRange | None:
    span, histogram = twin.range_in(written.variant), _histogram(written, twin)
    if span is None or histogram is None:
        return None
    (low, high), counts = span, histogram.counts
    total = max(int(counts.sum()) + histogram.zeros, 1)
    half = (high - low) / 510  # what lies within half a step of an end is rounded to it, not clipped
    outside = (histogram.centres < low - half) | (histogram.centres > high + half)
    return LayerRange(
        of=twin.of,
        method=_method(written, _tensor(twin), histogram),
        low=_short(low),
        high=_short(high),
        seen_low=_short(histogram.low),
        seen_high=_short(histogram.high),
        clipped=round(float(counts[outside].sum()) / total, 6),
        zeros=round(histogram.zeros / total, 6),
    )


def _method(written: Written, tensor: str, histogram: Histogram) -> str:
    """Return the way in which a range was chosen: the one that gives just this range."""
    if isinstance(written.ranges, str):
        return written.ranges
    span: Range | None = written.ranges.get(tensor)
    found = candidate_ranges(histogram, symmetric=written.pairs_before)
    return next((name for name, candidate in found.items() if candidate == span), "")


def _with_bars(layer: LayerReport, histogram: Histogram | None) -> LayerReport:
    if layer.range is None or histogram is None:
        return layer
    low, high = layer.range.ends
    used = np.flatnonzero(histogram.counts)
    bars, _ = np.histogram(
        np.clip(histogram.centres[used], low, high), bins=_BARS, range=(low, high), weights=histogram.counts[used]
    )
    return replace(layer, range=replace(layer.range, bars=tuple(int(count) for count in bars)))


def _short(value: float) -> float:
    return float(f"{value:.6g}")
