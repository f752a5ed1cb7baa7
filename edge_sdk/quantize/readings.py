"""The ways in which the same pixels could have been meant: the usual scales, and both orders of the colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_sdk.preprocess import ImageSteps
from edge_sdk.preprocess.record import Color
from edge_sdk.quantize.declare import NORMALIZATIONS, normalization
from edge_sdk.tensors import Array

_SAME = 0.05
"""Two scales whose pixels are nearer than this, as a share of the range of all pixels, are the same."""
_PIXELS = np.array([[0.0], [255.0]])


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read pixels.

    Attributes:
        flags: How the command line is told of it.
        steps: How pixels become the model's input.
    """

    flags: str
    steps: ImageSteps


def other_readings(declared: ImageSteps) -> tuple[Reading, ...]:
    """Return the usual readings of a picture that are not the declared one; none of what a model normalizes itself."""
    if declared.dtype == "uint8" or declared.color not in {"rgb", "bgr", "gray"}:
        return ()
    colors: tuple[Color, ...] = ("gray",) if declared.color == "gray" else ("rgb", "bgr")
    found = []
    for color in colors:
        turned = declared if color == declared.color else _turned(declared)
        if turned is not declared:
            found.append(Reading(f"--color {color}", turned))
        for name in NORMALIZATIONS:
            values = normalization(name, color)
            if any(len(numbers) > declared.channels for numbers in (values.get("mean", ()), values.get("std", ()))):
                continue
            steps = replace(declared, color=color, **{"mean": (0.0,), "std": (1.0,), **values})
            if not _is_same(steps, turned):
                found.append(Reading(f"--normalize {name} --color {color}", steps))
    return tuple(found)


def reread(tensor: Array, declared: ImageSteps, other: ImageSteps) -> npt.NDArray[np.float32]:
    """Return what the pixels behind a tensor become under other steps that differ in scale and colours only."""
    axis = 1 if declared.layout == "nchw" else 3
    values = np.moveaxis(tensor.astype(np.float64), axis, -1)
    gain, shift = _linear(declared)
    pixels = (values - shift) / gain
    if other.color != declared.color:
        pixels = pixels[..., ::-1]
    gain, shift = _linear(other)
    return np.ascontiguousarray(np.moveaxis(pixels * gain + shift, -1, axis), np.float32)


def _turned(steps: ImageSteps) -> ImageSteps:
    """Return the same steps for the other order of the colours; the values of a channel go with it."""
    return replace(steps, color="bgr" if steps.color == "rgb" else "rgb", mean=steps.mean[::-1], std=steps.std[::-1])


def _is_same(one: ImageSteps, other: ImageSteps) -> bool:
    ends = [_PIXELS * gain + shift for gain, shift in (_linear(one), _linear(other))]
    span = float(np.abs(np.diff(ends[1], axis=0)).max())
    return one.color == other.color and float(np.abs(ends[0] - ends[1]).max()) <= _SAME * span


def _linear(steps: ImageSteps) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the gain and the shift of each channel."""
    mean, std = np.array(steps.mean, np.float64), np.array(steps.std, np.float64)
    return np.asarray(1.0 / (steps.divisor * std), np.float64), np.asarray(-mean / std, np.float64)
