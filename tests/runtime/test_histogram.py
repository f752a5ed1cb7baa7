from __future__ import annotations

import math

import numpy as np
import pytest

from edge_sdk.runtime.histogram import Histogram
from edge_sdk.runtime.metrics import Figures, Stages


def filled(values_ms):
    histogram = Histogram()
    for value_ms in values_ms:
        histogram.add(float(value_ms))
    return histogram


def test_percentiles_of_all_samples_are_right_within_half_a_percent():
    values_ms = np.random.default_rng(0).lognormal(1, 2, 20_000)
    figures = filled(values_ms).figures()
    for share, got in ((50, figures.p50_ms), (95, figures.p95_ms), (99, figures.p99_ms)):
        assert got == pytest.approx(np.percentile(values_ms, share), rel=0.0075)
    assert (figures.count, figures.max_ms) == (20_000, pytest.approx(values_ms.max(), abs=1e-4))


def test_nothing_is_forgotten():
    figures = filled([1000.0] * 6000 + [1.0] * 5000).figures()
    assert (figures.count, figures.p50_ms) == (11_000, pytest.approx(1000, rel=0.005))


def test_no_percentile_is_above_the_greatest():
    assert filled([3.0]).figures() == Figures(1, 3.0, 3.0, 3.0, 3.0)


@pytest.mark.parametrize("value_ms", [0.0, -0.01, 1e12])
def test_a_value_off_the_scale_is_counted(value_ms):
    histogram = filled([value_ms, 1.0])
    assert histogram.figures().count == 2
    assert histogram.spent() == (2, value_ms + 1.0)


def test_without_values_there_are_no_figures():
    assert math.isnan(Histogram().figures().p50_ms)


def test_stages_may_keep_them_all():
    stages = Stages(Histogram)
    for _ in range(5000):
        stages.add("infer", 2.0)
    assert stages.spent("infer") == (5000, 10_000.0)
    assert Stages().spent("infer") == (0, 0.0)
