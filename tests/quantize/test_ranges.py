from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_sdk.quantize.histogram import MOST_VALUES, Histogram
from edge_sdk.quantize.ranges import HIGHEST, LOWEST, Quant, choose_range, to_quant

METHODS = ("minmax", "percentile", "mse")
FLOATS = st.floats(-(2.0**100), 2.0**100, width=32)
VALUES = arrays(np.float32, st.integers(1, 30), elements=FLOATS)
BOUNDS = st.floats(0, 2.0**100, width=32)


def histogram(values):
    """Return the histogram of all values, as of samples that are small enough to be counted whole."""
    seen = Histogram()
    for part in np.array_split(np.asarray(values, np.float32), 1 + len(values) // MOST_VALUES):
        seen.add(part)
    return seen


def rounded(values, quant):
    """Return values as int8 holds them."""
    steps = np.clip(np.rint(values / np.float64(quant.scale)) + quant.zero_point, LOWEST, HIGHEST)
    return (steps - quant.zero_point) * quant.scale


def error(values, method, *, symmetric=False):
    quant = to_quant(*choose_range(histogram(values), method, symmetric=symmetric), symmetric=symmetric)
    return float(np.square(rounded(values, quant) - values).sum())


@given(BOUNDS, BOUNDS, st.booleans())
def test_zero_is_a_step_and_the_zero_point_is_an_int8(below, above, symmetric):
    quant = to_quant(-below, above, symmetric=symmetric)
    assert LOWEST <= quant.zero_point <= HIGHEST
    assert rounded(np.zeros(1), quant)[0] == 0
    assert quant.low <= 0 <= quant.high


@given(BOUNDS, BOUNDS, st.booleans())
def test_the_scale_is_a_positive_normal_float32(below, above, symmetric):
    scale = to_quant(-below, above, symmetric=symmetric).scale
    assert float(np.float32(scale)) == scale
    assert scale >= np.float32(1e-12)


@given(st.floats(2**-20, 2**20, width=32))
@example(131037.0)
def test_the_bound_of_a_clamp_that_starts_at_zero_is_never_passed(bound):
    quant = to_quant(0.0, bound, symmetric=False)
    assert (quant.low, quant.zero_point) == (0.0, LOWEST)
    assert bound * (1 - 1e-6) <= float(np.float32(quant.high)) <= bound


@given(BOUNDS, BOUNDS)
def test_a_range_is_covered_to_half_a_step(below, above):
    assume(below + above > 1e-9)
    quant = to_quant(-below, above, symmetric=False)
    assert quant.low <= -below + 0.501 * quant.scale
    assert quant.high >= above - 0.501 * quant.scale


@given(BOUNDS, BOUNDS)
def test_symmetric_steps_reach_as_far_on_either_side(below, above):
    quant = to_quant(-below, above, symmetric=True)
    assert quant.zero_point == 0
    assert HIGHEST * quant.scale >= max(below, above) * (1 - 1e-6)


@given(VALUES, st.sampled_from(METHODS), st.booleans())
def test_a_range_holds_zero_and_reaches_no_further_than_what_was_seen(values, method, symmetric):
    low, high = choose_range(histogram(values), method, symmetric=symmetric)
    farthest = np.abs(values).max()
    assert -farthest <= low <= 0 <= high <= farthest
    assert not symmetric or low == -high


@given(VALUES)
def test_minmax_covers_all(values):
    assert choose_range(histogram(values), "minmax", symmetric=False) == (
        min(0.0, float(values.min())),
        max(0.0, float(values.max())),
    )


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_least_error_is_never_worse_than_minmax(seed, symmetric):
    rng = np.random.default_rng(seed)
    shapes = (rng.standard_normal, rng.standard_cauchy, rng.standard_exponential)
    values = shapes[seed % 3](20_000).astype(np.float32) - np.float32(seed // 3)
    assert error(values, "mse", symmetric=symmetric) <= 1.01 * error(values, "minmax", symmetric=symmetric)


def test_least_error_cuts_an_outlier_that_costs_more_than_it_is_worth():
    values = np.append(np.random.default_rng(0).standard_normal(1_000_000), 12.0).astype(np.float32)
    assert choose_range(histogram(values), "mse", symmetric=False)[1] < 8
    assert error(values, "mse") < 0.5 * error(values, "minmax")


def test_least_error_keeps_the_few_that_matter_beside_many_that_vanish():
    values = np.append(np.full(100_000, 0.01), np.full(100, 40.0)).astype(np.float32)
    assert choose_range(histogram(values), "mse", symmetric=False)[1] == 40.0


def test_least_error_is_found_among_all_pairs_of_ends():
    values = np.random.default_rng(1).standard_t(3, 5000).astype(np.float32)
    low, high = choose_range(histogram(values), "mse", symmetric=False)
    chosen = error(values, "mse")
    for share in np.linspace(0.3, 1.0, 15):
        for pair in ((low, share * values.max()), (share * values.min(), high)):
            quant = to_quant(*map(float, pair), symmetric=False)
            assert chosen <= 1.05 * float(np.square(rounded(values, quant) - values).sum())


def test_percentile_leaves_out_one_in_ten_thousand_at_each_end():
    values = np.linspace(-1, 1, 100_001, dtype=np.float32)
    low, high = choose_range(histogram(values), "percentile", symmetric=False)
    assert (low, high) == (pytest.approx(-0.9998, abs=1e-3), pytest.approx(0.9998, abs=1e-3))


def test_percentile_counts_zeros():
    values = np.append(np.zeros(100_000), [5.0]).astype(np.float32)
    assert choose_range(histogram(values), "percentile", symmetric=False)[1] < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("values", [[], [0.0, 0.0], [3.0, 3.0], [-2.0], [1e-30], [1e-45], [3e38, -3e38]])
def test_odd_tensors_have_a_usable_range(values, symmetric, method):
    quant = to_quant(*choose_range(histogram(values), method, symmetric=symmetric), symmetric=symmetric)
    assert np.isfinite([quant.scale, quant.low, quant.high]).all()
    assert quant.scale > 0


def test_a_constant_is_held_to_a_step():
    quant = to_quant(*choose_range(histogram([3.0] * 9), "mse", symmetric=False), symmetric=False)
    assert rounded(np.array([3.0]), quant)[0] == pytest.approx(3.0, abs=1e-5)


def test_the_ends_of_a_quant_are_those_of_int8():
    assert (Quant(0.5, -28).low, Quant(0.5, -28).high) == (-50.0, 77.5)
