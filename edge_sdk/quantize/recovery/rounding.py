"""Rounds the weights of a layer against each other's error.

GPTQ: Frantar et al. 2022, "Accurate post-training quantization for generative pre-trained transformers", after Hassibi
and Stork 1993, "Second order derivatives for network pruning: optimal brain surgeon".

Weights are rounded one input after another, and those that are still to be rounded take over the error that has been
made, as far as their inputs vary together. The error of the layer's results falls; no weight moves by much more than
its step. What is taken over is read from a factor of the covariance itself, without its inverse (Chee et al. 2023,
"QuIP: 2-bit quantization of large language models with guarantees", theorem 6: the same numbers as GPTQ's).

Pure: arrays in, arrays out. Groups of a convolution are a leading axis of all arrays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.ranges import HIGHEST

Floats = npt.NDArray[np.float64]
_BLOCK = 64
"""Inputs that take over the errors of all before them at once: one product instead of many."""
_LEAST_DAMPING = 0.01


def round_together(weights: Floats, scales: Floats, covariance: Floats, samples: int) -> npt.NDArray[np.int8]:
    """Return the weights in steps of their scales, -127 to 127.

    Args:
        weights: [groups, outputs, inputs].
        scales: [groups, outputs].
        covariance: Of the layer's inputs in any unit, [groups, inputs, inputs].
        samples: How many values of each input it was measured on: where they are few, it is trusted less.
    """
    order = np.argsort(-np.einsum("gii->i", covariance), kind="stable")
    wanted = np.ascontiguousarray(weights.transpose(0, 2, 1)[:, order] / scales[:, np.newaxis])  # inputs, outputs
    shares = _shares(covariance[:, order][:, :, order], samples)
    steps, errors = np.empty_like(wanted), np.zeros_like(wanted)
    inputs = len(order)
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        aims = wanted[:, start:end] + shares[:, start:end, :start] @ errors[:, :start]
        for i in range(start, end):
            aim = aims[:, i - start] + (shares[:, i, np.newaxis, start:i] @ errors[:, start:i])[:, 0]
            steps[:, i] = np.clip(np.rint(aim), -HIGHEST, HIGHEST)
            errors[:, i] = wanted[:, i] - steps[:, i]
    rounded = np.empty(weights.shape, np.int8)
    rounded[:, :, order] = steps.transpose(0, 2, 1)
    return rounded


def _shares(covariance: Floats, samples: int) -> Floats:
    """Return how much of the error of each earlier input an input takes over, [groups, inputs, earlier inputs].

    It is the transposed U of the covariance as U D U^T, with D diagonal and U upper triangular with ones. The
    covariance is shrunk towards a plain one, the more the fewer samples it rests on.
    """
    inputs = covariance.shape[1]
    power = np.maximum(np.einsum("gii->g", covariance) / inputs, np.finfo(np.float64).tiny ** 0.5)
    damping = max(_LEAST_DAMPING, inputs / (inputs + samples))
    plain = power[:, np.newaxis, np.newaxis] * np.eye(inputs)
    shrunk = (1.0 - damping) * covariance + damping * plain
    lower = np.asarray(np.linalg.cholesky(shrunk[:, ::-1, ::-1]), np.float64)[:, ::-1, ::-1]
    return np.ascontiguousarray((lower / np.einsum("gii->gi", lower)[:, np.newaxis]).transpose(0, 2, 1))
