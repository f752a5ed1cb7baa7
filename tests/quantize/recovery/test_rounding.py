from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.quantize.recovery.rounding import round_together


def layer(groups, outputs, inputs, *, shared, places=4000, seed=0):
    """Return weights, scales, inputs and their covariance; `shared` is how much of the inputs they have in common."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((groups, outputs, inputs))
    scales = np.abs(weights).max(axis=2) / 127
    common = rng.standard_normal((groups, 1, places))
    seen = shared * common + rng.standard_normal((groups, inputs, places)) * (1.01 - shared)
    return weights, scales, seen, seen @ seen.transpose(0, 2, 1) / places


def error(weights, rounded, scales, seen):
    return float(np.square((rounded * scales[:, :, None] - weights) @ seen).mean())


@pytest.mark.parametrize(("groups", "outputs", "inputs"), [(1, 16, 150), (6, 1, 9), (2, 8, 70)])
def test_inputs_that_vary_together_make_up_for_each_others_error(groups, outputs, inputs):
    weights, scales, seen, covariance = layer(groups, outputs, inputs, shared=0.9)
    together = round_together(weights, scales, covariance, seen.shape[2])
    nearest = np.rint(weights / scales[:, :, None])
    assert error(weights, together, scales, seen) < 0.5 * error(weights, nearest, scales, seen)


def test_inputs_that_have_nothing_in_common_leave_weights_at_the_nearest_step():
    weights, scales, _, _ = layer(1, 8, 20, shared=0.0)
    rounded = round_together(weights, scales, np.eye(20)[np.newaxis], 10**6)
    assert (rounded == np.rint(weights / scales[:, :, None])).all()


def test_few_samples_are_trusted_less():
    weights, scales, _, covariance = layer(1, 16, 64, shared=0.9)
    nearest = np.rint(weights / scales[:, :, None])
    moved = [np.abs(round_together(weights, scales, covariance, n) - nearest).sum() for n in (1, 64, 10**6)]
    assert moved[0] < moved[1] < moved[2]


def test_steps_are_int8_and_dead_inputs_do_no_harm():
    weights, scales, _, covariance = layer(1, 8, 20, shared=0.9)
    covariance[:, 3] = covariance[:, :, 3] = 0.0
    rounded = round_together(weights, scales / 2, covariance, 4000)
    assert rounded.dtype == np.int8
    assert np.abs(rounded.astype(int)).max() == 127
    assert (
        round_together(weights, scales, np.zeros_like(covariance), 10) == np.rint(weights / scales[:, :, None])
    ).all()
