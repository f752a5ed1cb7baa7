from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.quantize.channels import ChannelMeans


def mean_of(*samples):
    means = ChannelMeans()
    for sample in samples:
        means.add(np.asarray(sample, np.float32))
    return means.mean


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 3, 4), (6, 3), (1, 3, 2, 2, 2)])
def test_a_channel_is_averaged_over_all_other_axes(shape):
    sample = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    others = tuple(axis for axis in range(len(shape)) if axis != 1)
    np.testing.assert_allclose(mean_of(sample), sample.mean(axis=others, dtype=np.float64), rtol=1e-12)


@given(st.integers(1, 5), st.integers(1, 4))
def test_the_mean_of_samples_is_that_of_all_together(count, channels):
    rows = np.random.default_rng(count).standard_normal((count, channels, 7)).astype(np.float32)
    np.testing.assert_allclose(mean_of(*rows[:, None]), mean_of(rows), rtol=1e-9, atol=1e-12)


def test_a_great_offset_keeps_its_small_differences():
    sample = np.full((1, 1, 1000, 1000), 1e4, np.float32)
    sample[..., 0] += 1
    assert mean_of(sample)[0] == pytest.approx(1e4 + 1e-3, abs=1e-6)


@pytest.mark.parametrize("sample", [3.0, [1.0, 2.0], np.zeros((1, 0, 4)), np.zeros((0, 3))])
def test_what_has_no_channels_has_no_means(sample):
    assert mean_of(sample).size == 0


def test_a_sample_with_another_number_of_channels_is_left_out():
    assert mean_of([[1.0, 2.0]], [[5.0, 5.0, 5.0]], [[3.0, 4.0]]).tolist() == [2.0, 3.0]
