from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.recovery.columns import columns, grid_of
from tests.quantize.models import as_it_is, run, samples

CONVOLUTIONS = {
    "pads on all sides": ("float[1,4,9,6] x", "float[6,4,3,3] w", "pads=[1,1,1,1]"),
    "strides": ("float[1,4,9,7] x", "float[6,4,3,2] w", "strides=[2,3], pads=[0,1,1,0]"),
    "dilations": ("float[1,4,11,12] x", "float[6,4,3,3] w", "dilations=[2,3]"),
    "groups": ("float[1,6,8,5] x", "float[9,2,3,3] w", "group=3, pads=[1,1,1,1]"),
    "depthwise": ("float[1,5,8,8] x", "float[5,1,5,5] w", "group=5, pads=[2,2,2,2], strides=[2,2]"),
    "the same size, upper": ("float[1,3,7,10] x", "float[4,3,3,3] w", 'auto_pad="SAME_UPPER", strides=[2,2]'),
    "the same size, lower": ("float[1,3,7,10] x", "float[4,3,4,4] w", 'auto_pad="SAME_LOWER", strides=[2,2]'),
    "one axis": ("float[1,3,40] x", "float[4,3,5] w", "pads=[2,2], strides=[3]"),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_weights_times_columns_are_the_convolution(case):
    taken, weight, settings = CONVOLUTIONS[case]
    graph = Graph(as_it_is(f"({taken}, {weight}) => (float y) {{ y = Conv<{settings}>(x, w) }}"))
    given = samples(graph, 1)[0]
    expected = run(graph.model, given)["y"][0]
    weights = graph.constants["w"]
    grid = grid_of(graph.nodes[0], weights.shape[2:], given["x"].shape[2:], expected.shape[1:])
    places = np.sort(np.random.default_rng(0).permutation(expected[0].size)[:7])
    seen = columns(given["x"], grid, places, padding=0)
    got = weights.reshape(grid.groups, -1, seen.shape[1]) @ seen
    np.testing.assert_allclose(got.reshape(len(weights), -1), expected.reshape(len(weights), -1)[:, places], atol=1e-5)
