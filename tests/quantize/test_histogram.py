from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_sdk.quantize.histogram import BINS, MOST_VALUES, Histogram

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VALUES = arrays(np.float32, st.integers(0, 40), elements=FLOATS)


def histogram(*parts):
    seen = Histogram()
    for part in parts:
        seen.add(np.asarray(part, np.float32))
    return seen


def facts(seen):
    return (seen.counts.tolist(), seen.exponent, seen.low, seen.high, seen.zeros, seen.unusable)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_values_does_not_matter(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert facts(histogram(shuffled)) == facts(histogram(values))


@given(VALUES, st.integers(0, 40))
def test_how_values_are_split_into_samples_does_not_matter(values, cut):
    assert facts(histogram(values[:cut], values[cut:])) == facts(histogram(values))


@given(VALUES)
def test_each_value_is_counted_in_the_bin_that_holds_it(values):
    seen = histogram(values)
    expected = np.zeros(BINS, int)
    for value in values[values != 0].astype(np.float64):
        expected[int(np.floor(value / seen.width)) + BINS // 2] += 1
    assert seen.counts.tolist() == expected.tolist()
    assert seen.zeros == np.count_nonzero(values == 0)


@given(VALUES)
def test_the_extremes_hold_zero(values):
    seen = histogram(values)
    assert (seen.low, seen.high) == (min(0.0, values.min(initial=0)), max(0.0, values.max(initial=0)))


@given(arrays(np.float32, st.integers(1, 20), elements=st.floats(2**-48, 2**126, width=32)))
def test_at_least_a_quarter_of_the_bins_lies_below_the_greatest_value(values):
    seen = histogram(values)
    assert seen.high / seen.width >= BINS / 4


def test_of_large_arrays_some_values_tell_the_distribution_and_all_the_extremes():
    values = np.random.default_rng(0).standard_normal((16, 112, 112)).astype(np.float32)
    values[1::2] += 4.0
    values[3, :, 1] = 0.0
    values[5, 7, 9] = 100.0
    seen = histogram(values)
    assert (seen.high, seen.low) == (100.0, values.min())
    assert MOST_VALUES / 2 <= seen.counts.sum() + seen.zeros <= MOST_VALUES
    shares = np.cumsum(seen.counts) / seen.counts.sum()
    expected = [np.mean(values[values != 0] < edge) for edge in seen.centres + seen.width / 2]
    assert np.abs(shares - expected).max() < 0.005
    assert seen.zeros / (seen.counts.sum() + seen.zeros) == pytest.approx(112 / values.size, rel=0.2)


def test_nothing_seen_is_a_histogram_of_nothing():
    assert facts(histogram([])) == ([0] * BINS, None, 0.0, 0.0, 0, 0)


def test_zeros_of_either_sign_are_counted_apart():
    seen = histogram([0.0, -0.0, 0.0], [1.0])
    assert (seen.zeros, seen.counts.sum()) == (3, 1)


def test_values_that_are_not_finite_are_counted_and_left_out():
    seen = histogram([np.nan, np.inf, -np.inf, 2.0, -1.0], [np.nan])
    assert (seen.unusable, seen.low, seen.high, seen.counts.sum()) == (4, -1.0, 2.0, 2)


def test_only_values_that_are_not_finite_leave_no_range():
    seen = histogram([np.nan, np.inf])
    assert (seen.unusable, seen.exponent, seen.low, seen.high) == (2, None, 0.0, 0.0)


@pytest.mark.parametrize("value", [np.finfo(np.float32).max, np.finfo(np.float32).min, 1e-45, -1e-45, 2.0**127])
def test_the_ends_of_float32_have_a_bin(value):
    assert histogram([value]).counts.sum() == 1


def test_a_negative_value_too_small_for_wide_bins_stays_below_zero():
    assert np.flatnonzero(histogram([-1e-45], [1e30]).counts)[0] == BINS // 2 - 1


def test_a_value_on_a_power_of_two_doubles_the_bins():
    narrow, wide = histogram([1.999]), histogram([2.0])
    assert wide.width == 2 * narrow.width


def test_any_shape_and_float_type_is_taken():
    seen = Histogram()
    seen.add(np.ones((2, 3, 4), np.float64))
    seen.add(np.ones((), np.float16))
    assert seen.counts.sum() == 25


def test_many_values_are_counted_as_well_as_few():
    values = np.random.default_rng(0).standard_normal(MOST_VALUES - 1).astype(np.float32)
    assert facts(histogram(values)) == facts(histogram(*np.array_split(values, 7)))
