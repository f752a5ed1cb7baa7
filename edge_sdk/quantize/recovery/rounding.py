"""Rounds the weights of a layer against each other's error.

GPTQ: Frantar et al. 2022, "Accurate post-training quantization for generative pre-trained transformers", after Hassibi
and Stork 1993, "Second order derivatives for network pruning: optimal brain surgeon".

Weights are rounded one input after another, and those that are still to be rounded take over the error that has been
made, as far as their inputs vary together. The error of the layer's results falls; no weight moves by much more than
its step.

Pure: arrays in, arrays out. Groups of a convolution are a leading axis of all arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.ranges import HIGHEST

Floats = npt.NDArray[np.float64]
_BLOCK = 64
"""Inputs after which the errors made are handed on to all others at once: one product instead of many."""
_LEAST_DAMPING = 0.01


def round_together(weights: Floats, scales: Floats, covariance: Floats, samples: int) -> npt.NDArray[np.int8]:
    """Return the weights in steps of their scales, -127 to 127.

    Args:
        weights: [groups, outputs, inputs].
        scales: [groups, outputs].
        covariance: Of the layer's inputs, [groups, inputs, inputs].
        samples: How many values of each input it was measured on: where they are few, it is trusted less.
    """
    order = np.argsort(-np.einsum("gii->i", covariance), kind="stable")
    left = weights[:, :, order].astype(np.float64)
    upper = _propagation(covariance[:, order][:, :, order], samples)
    steps = np.zeros_like(left)
    inputs = left.shape[2]
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        errors = np.zeros((*left.shape[:2], end - start))
        for i in range(start, end):
            steps[:, :, i] = np.clip(np.rint(left[:, :, i] / scales), -HIGHEST, HIGHEST)
            error = (left[:, :, i] - steps[:, :, i] * scales) / upper[:, i, i, np.newaxis]
            errors[:, :, i - start] = error
            left[:, :, i:end] -= error[:, :, np.newaxis] * upper[:, np.newaxis, i, i:end]
        left[:, :, end:] -= errors @ upper[:, start:end, end:]
    rounded = np.empty(steps.shape, np.int8)
    rounded[:, :, order] = steps
    return rounded


def _propagation(covariance: Floats, samples: int) -> Floats:
    """Return the upper Cholesky factor of the inverse of the covariance, [groups, inputs, inputs].

    Row i tells how far the inputs behind i can take over an error of i. The covariance is shrunk towards a plain one,
    the more the fewer samples it rests on.
    """
    inputs = covariance.shape[1]
    power = np.maximum(np.einsum("gii->g", covariance) / inputs, np.finfo(np.float64).tiny ** 0.5)
    damping = max(_LEAST_DAMPING, inputs / (inputs + samples))
    plain = power[:, np.newaxis, np.newaxis] * np.eye(inputs)
    inverse = np.linalg.inv((1.0 - damping) * covariance + damping * plain)
    lower: Any = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2)
    return np.asarray(lower.transpose(0, 2, 1))
