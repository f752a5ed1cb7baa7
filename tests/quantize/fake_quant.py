"""Fake quantization in NumPy, written apart from the quantizer: what an int8 layer computes."""

from __future__ import annotations

import numpy as np


def steps_of(values):
    """Return scale and zero point of the least range that holds zero and these values."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = np.float32((high - low) / 255)
    return scale, int(np.rint(-128 - low / scale))


def rounded(values, scale, zero_point):
    """Return values as int8 holds them, in float64."""
    stored = np.clip(np.rint(values.astype(np.float32) / scale) + zero_point, -128, 127)
    return (stored - zero_point) * np.float64(scale)


def rounded_weights(weight, axis):
    """Return weights as symmetric int8 with a scale an index of `axis` holds them, in float64."""
    rows = np.moveaxis(weight.astype(np.float64), axis, 0)
    scales = np.abs(rows).max(axis=tuple(range(1, weight.ndim)), keepdims=True) / 127
    return np.moveaxis(np.rint(rows / scales) * scales, 0, axis)


def convolve(x, weight, bias=None, *, group=1, pad=0):
    """Return the convolution of any number of axes, stride 1, in float64."""
    kernel = weight.shape[2:]
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *[(pad, pad)] * len(kernel)])
    sizes = [size - taps + 1 for size, taps in zip(padded.shape[2:], kernel, strict=True)]
    grouped = padded.reshape(len(x), group, -1, *padded.shape[2:])
    weights = weight.reshape(group, -1, *weight.shape[1:])
    total = 0.0
    for offset in np.ndindex(*kernel):
        window = tuple(slice(start, start + size) for start, size in zip(offset, sizes, strict=True))
        total = total + np.einsum("ngc...,goc->ngo...", grouped[(..., *window)], weights[(..., *offset)])
    result = total.reshape(len(x), -1, *sizes)
    return result if bias is None else result + bias.reshape(-1, *[1] * len(kernel))
