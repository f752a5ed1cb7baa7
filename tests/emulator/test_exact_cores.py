"""ARM cores sum integers exactly too, also where products go through 16 bits: tried on the largest sums of layers."""

from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.spot_check import make_probes
from edge_sdk.session import SessionConfig
from tests.quantize.models import AS_ON_ARM, clean, quantized, samples

NETWORK = """
(float[1,64,20,20] x, float[64,64,3,3] w, float[64,1,3,3] w2, float[32,64,1,1] w3, float[32,8,3,3] w4, float[32,10] w5,
 float[64] b, float[64] b2, float[32] b3, float[32] b4, float[10] b5) => (float[1,10] y) {
  c = Conv<pads=[1,1,1,1]>(x, w, b)
  d = Conv<pads=[1,1,1,1], group=64>(c, w2, b2)
  e = Conv(d, w3, b3)
  f = Conv<pads=[1,1,1,1], group=4>(e, w4, b4)
  g = GlobalAveragePool(f)
  h = Flatten(g)
  y = Gemm(h, w5, b5)
}
"""


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
def test_an_arm_core_meets_the_nearest_step_of_exact_sums(board, core):
    graph = clean(NETWORK)
    probes = list(make_probes(quantized(graph), samples(graph, 1)[0], SessionConfig(entries=AS_ON_ARM), where="m"))
    largest = probes[1::2]
    assert len({probe.layer.kind for probe in largest}) == 5
    for probe in largest:
        (got,) = board.outputs(core, probe.model, [{"x": probe.stored}])
        assert probe.stored.dtype == np.int8
        assert probe.worst_steps(got["y"]) <= 0.51, probe.layer.kind
