from __future__ import annotations

import math

from edge_sdk.runtime.metrics import Figures, Ring, Stages


def test_percentiles_are_those_of_the_samples():
    ring = Ring()
    for value_ms in range(101):
        ring.add(float(value_ms))
    assert ring.figures() == Figures(count=101, p50_ms=50.0, p95_ms=95.0, p99_ms=99.0, max_ms=100.0)


def test_a_ring_forgets_the_oldest_and_counts_all():
    ring = Ring()
    for value_ms in [1000.0] * 4096 + [1.0] * 4096:
        ring.add(value_ms)
    assert ring.figures() == Figures(count=8192, p50_ms=1.0, p95_ms=1.0, p99_ms=1.0, max_ms=1.0)


def test_a_ring_without_values_has_no_figures():
    assert math.isnan(Ring().figures().p50_ms)


def test_only_stages_that_there_were_are_told():
    stages = Stages()
    stages.add("infer", 2.0)
    stages.add("read", 1.0)
    assert list(stages.figures()) == ["read", "infer"]
