from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.thrift.rate import RateLimit


def passed(limit, stamps_ns):
    """Return the stamps of the samples that pass."""
    return [at for at in stamps_ns if limit(Sample(np.zeros(1), 0, at, "driver", "camera:0")) is None]


def regular(fps, seconds, *, jitter_ms=0.0, seed=0):
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(fps * seconds)) / fps + rng.uniform(-1, 1, round(fps * seconds)) * jitter_ms / 1e3
    return [round(at * 1e9) + 10**12 for at in times_s]


@pytest.mark.parametrize("fps", [29, 20, 15, 10, 7, 5, 1, 0.5])
@pytest.mark.parametrize("jitter_ms", [0, 6])
def test_a_camera_is_slowed_to_the_rate_evenly(fps, jitter_ms):
    stamps = passed(RateLimit(fps), regular(30, 60, jitter_ms=jitter_ms))
    assert -max(2, 0.01 * fps * 60) <= len(stamps) - fps * 60 <= 2
    assert np.abs(np.diff(stamps) / 1e9 - 1 / fps).max() <= 0.5 / 30 + 0.5 / 30 + 2.5 * jitter_ms / 1e3


@pytest.mark.parametrize("jitter_ms", [0, 10])
def test_a_source_of_just_this_rate_loses_nothing(jitter_ms):
    stamps = regular(15, 60, jitter_ms=jitter_ms)
    assert passed(RateLimit(15), stamps) == stamps


def test_no_limit_lets_all_pass():
    assert len(passed(RateLimit(), regular(30, 2))) == 60


def test_the_limit_may_change_at_any_time():
    limit, stamps = RateLimit(), regular(30, 30)
    first = passed(limit, stamps[:300])
    limit.fps = 5
    second = passed(limit, stamps[300:600])
    limit.fps = None
    third = passed(limit, stamps[600:])
    assert (len(first), len(third)) == (300, 300)
    assert abs(len(second) - 50) <= 1


def test_a_clock_that_begins_anew_is_followed():
    limit = RateLimit(10)
    passed(limit, regular(30, 5))
    assert abs(len(passed(limit, [at - 10**12 for at in regular(30, 5)])) - 50) <= 1


@given(
    st.floats(0.2, 60),
    st.lists(st.integers(0, 300_000_000), min_size=1, max_size=300),
)
def test_no_span_of_time_has_more_than_its_share(fps, steps_ns):
    stamps = passed(RateLimit(fps), np.cumsum(steps_ns).tolist())
    for begin in range(len(stamps)):
        for end in range(begin, len(stamps)):
            assert end - begin <= (stamps[end] - stamps[begin]) / 1e9 * fps + 1.5
