"""The axes of inputs: what a source has, what the user tells, and in which order the ONNX model takes pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_sdk.convert.record import BATCH, Order, Shape
from edge_sdk.errors import InputError
from edge_sdk.tensors import Tensors

Axes = tuple[int | None, ...]
"""Sizes of the axes; None for a free one."""
_PICTURE_RANK = 4


def input_shapes(order: Order, own: Mapping[str, Axes | None]) -> dict[str, Shape]:
    """Return the shape of each input in the source's order of axes; free axes have names, unknown inputs none.

    Args:
        order: What the user tells of shapes, in the same order of axes.
        own: What the source has; None where it does not say.

    Raises:
        InputError: A name is not known, or a shape does not fit what the source has.
    """
    told = dict(zip(own, order.shapes.values(), strict=True)) if len(own) == len(order.shapes) == 1 else order.shapes
    for name in told:
        if name not in own:
            raise InputError(f"--input-shape: expected one of the inputs {', '.join(own)}, got {name}")
    shapes = {name: _shape(name, axes, told.get(name)) for name, axes in own.items()}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def is_turned(order: Order, shape: Shape, *, channels_first: bool) -> bool:
    """Tell whether the ONNX model takes an input with its channels first, where the source has them last.

    Raises:
        InputError: Channels last are asked of a source that has them first.
    """
    if not order.layout or len(shape) != _PICTURE_RANK:
        return False
    if channels_first and order.layout == "nhwc":
        raise InputError(f"--layout: expected nchw, which {order.source} has, got nhwc")
    return order.layout == "nchw" and not channels_first


def turn(shape: Shape) -> Shape:
    """Return a shape with the channels first instead of last."""
    return (shape[0], shape[3], shape[1], shape[2])


def as_source(tensors: Tensors, turned: frozenset[str]) -> Tensors:
    """Return the inputs of the ONNX model as the source takes them."""
    return {name: np.moveaxis(array, 1, -1) if name in turned else array for name, array in tensors.items()}


def _shape(name: str, axes: Axes | None, told: Shape | None) -> Shape | None:
    if told is None and axes is not None:
        return tuple(_free(name, axis) if size is None else size for axis, size in enumerate(axes))
    if told is None:
        return None
    fits = axes is None or (
        len(axes) == len(told) and all(own in {None, size} for own, size in zip(axes, told, strict=True))
    )
    if not fits:
        has = "x".join("?" if size is None else str(size) for size in axes or ())
        raise InputError(f"--input-shape: expected {name}={has}, got {'x'.join(map(str, told))}")
    return told


def _free(name: str, axis: int) -> str:
    return BATCH if axis == 0 else f"{name}_{axis}"
