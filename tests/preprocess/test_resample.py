from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.preprocess.resample import Resampler, resample

RATES = [(100.0, 100.0), (104.3, 100.0), (44100.0, 16000.0), (48000.0, 16000.0), (8000.0, 16000.0), (31.25, 50.0)]


def sines(rate_hz, *hz, seconds=1.0):
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.stack([np.sin(2 * np.pi * f * times + 0.3) for f in hz], axis=1)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_waves_that_both_rates_hold_come_out_as_sampled_at_the_other_rate(from_hz, to_hz):
    lower, seconds = min(from_hz, to_hz), 400 / min(from_hz, to_hz)
    hz = (0.05 * lower, 0.2 * lower, 0.4 * lower)
    made = resample(sines(from_hz, *hz, seconds=seconds), from_hz=from_hz, to_hz=to_hz)
    wanted = sines(to_hz, *hz, seconds=seconds)
    inner = slice(round(40 * to_hz / lower), round(360 * to_hz / lower))
    assert abs(len(made) - len(wanted)) <= 1
    np.testing.assert_allclose(made[inner], wanted[inner], atol=2e-3)


def test_waves_that_the_slower_rate_cannot_hold_are_not_folded_back():
    made = resample(sines(48000, 9500, 15000, 20000), from_hz=48000, to_hz=16000)
    assert np.abs(made[200:-200]).max() < 1e-3


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_constant_stays_constant(from_hz, to_hz):
    np.testing.assert_allclose(resample(np.full((50, 2), 9.81), from_hz=from_hz, to_hz=to_hz), 9.81, rtol=1e-12)


@given(
    rows=st.integers(0, 200),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    rates=st.sampled_from([*RATES, (97.0, 31.0), (10.0, 55.5)]),
)
def test_rows_in_any_portions_give_what_the_whole_gives(rows, cuts, rates):
    recording = np.random.default_rng(rows).standard_normal((rows, 2))
    resampler = Resampler(*rates)
    parts = [resampler.add(part) for part in np.split(recording, sorted(min(cut, rows) for cut in cuts))]
    parts.append(resampler.finish())
    told = np.concatenate([values for values, _ in parts if len(values)] or [np.empty((0, 2))])
    places = np.concatenate([where for _, where in parts])
    np.testing.assert_allclose(told, resample(recording, from_hz=rates[0], to_hz=rates[1]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(places, np.arange(len(places)) * (rates[0] / rates[1]), rtol=1e-3)
    assert len(places) == 0 or 0 <= places[-1] < rows


def test_a_long_stream_keeps_few_rows():
    resampler = Resampler(104.3, 100.0)
    for _ in range(2000):
        resampler.add(np.ones((10, 1)))
    assert len(resampler._rows) < 100


@pytest.mark.parametrize("rates", [(0, 1), (1, 0), (1, 300), (300, 1), (float("nan"), 1)])
def test_impossible_rates_are_refused(rates):
    with pytest.raises(InputError, match=r"^rate_hz: expected rates within 256 times each other, got "):
        Resampler(*rates)
