"""Whether there are enough samples: the ranges that one half of them has must be the ranges of the other half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_sdk.quantize.calibrate import Advance, Statistics, collect
from edge_sdk.quantize.graph import Graph, weighted_layers
from edge_sdk.quantize.ranges import choose_range
from edge_sdk.tensors import Tensors

_TENSORS = 8
_TINY = 1e-12


def halves_differ(graph: Graph, samples: Sequence[Tensors], advance: Advance) -> float:
    """Return by how much the ranges of two halves of the samples differ in the median tensor: 0.1 is a tenth.

    Args:
        graph: The cleaned graph.
        samples: Two samples or more.
        advance: Called with 1 after each sample.

    Raises:
        InputError: A tensor is NaN or infinite.
    """
    inputs = list(dict.fromkeys(node.input[0] for node in weighted_layers(graph)))
    tensors = [name for name in inputs if name not in graph.inputs][:: max(1, len(inputs) // _TENSORS)]
    if not tensors:
        return 0.0
    one = collect(graph, tensors, lambda: samples[::2], advance=advance)
    other = collect(graph, tensors, lambda: samples[1::2], advance=advance)
    return float(np.median([abs(np.log(_width(one[name]) / _width(other[name]))) for name in tensors]))


def _width(statistics: Statistics) -> float:
    low, high = choose_range(statistics.histogram, "percentile", symmetric=False)
    return max(high - low, _TINY)
