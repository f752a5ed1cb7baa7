"""What a convolution multiplies its weights with, as columns, at some of its places (im2col, sampled)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.graph import Node, attributes
from edge_sdk.tensors import Array


@dataclass(frozen=True, slots=True)
class Grid:
    """How a convolution walks over its input; each tuple has a number an axis of the picture.

    Attributes:
        kernel: Taps.
        strides: From one place to the next.
        dilations: From one tap to the next.
        before: Padding before the first value.
        places: Places, that is the size of the result.
        groups: Groups of channels.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    places: tuple[int, ...]
    groups: int


def grid_of(node: Node, kernel: Sequence[int], sizes: Sequence[int], places: Sequence[int]) -> Grid:
    """Return how a Conv walks.

    Args:
        node: The Conv.
        kernel: Its taps an axis.
        sizes: Sizes of its input without batch and channels.
        places: Sizes of its result without batch and channels.
    """
    facts, axes = attributes(node), range(len(kernel))
    strides = tuple(facts.get("strides", [1] * len(kernel)))
    dilations = tuple(facts.get("dilations", [1] * len(kernel)))
    before = tuple(facts.get("pads", [0] * 2 * len(kernel))[: len(kernel)])
    automatic = facts.get("auto_pad", b"NOTSET")
    if automatic in {b"SAME_UPPER", b"SAME_LOWER"}:
        reach = [(places[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 for i in axes]
        missing = [max(reach[i] - sizes[i], 0) for i in axes]
        before = tuple(m // 2 if automatic == b"SAME_UPPER" else m - m // 2 for m in missing)
    return Grid(tuple(kernel), strides, dilations, before, tuple(places), int(facts.get("group", 1)))


def columns(values: Array, grid: Grid, places: npt.NDArray[np.int64], padding: int) -> Array:
    """Return what stands under the taps at some places.

    Args:
        values: One input, [1, channels, …].
        grid: How the convolution walks.
        places: Indices of places, in the order of the flattened result.
        padding: The value that stands for zero.

    Returns:
        [groups, channels of a group x taps, places], in the order of the weights.
    """
    axes = range(len(grid.kernel))
    last = [(grid.places[i] - 1) * grid.strides[i] + (grid.kernel[i] - 1) * grid.dilations[i] for i in axes]
    margins = [(max(grid.before[i], 0), max(last[i] - grid.before[i] + 1 - values.shape[2 + i], 0)) for i in axes]
    padded = np.pad(values[0], [(0, 0), *margins], constant_values=values.dtype.type(padding))
    steps = np.cumprod([1, *padded.shape[:1:-1]])[::-1]
    where, tap = np.unravel_index(places, grid.places), np.indices(grid.kernel).reshape(len(axes), -1)
    corner = sum(steps[i] * (where[i] * grid.strides[i] + max(-grid.before[i], 0)) for i in axes)
    reach = sum(steps[i] * tap[i] * grid.dilations[i] for i in axes)
    taken = padded.reshape(len(padded), -1).take(np.add.outer(reach, corner), axis=1)
    return np.asarray(taken.reshape(grid.groups, -1, len(places)))
