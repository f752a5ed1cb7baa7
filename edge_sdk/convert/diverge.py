"""Names the first layer of a source that its ONNX model does not compute.

- Each layer's array is looked for among the intermediate tensors of the ONNX graph, by shape (also with the channels at
  the other end, or with axes of one size more or less) and by value, and in the order of both.
- Layers that an exporter folds into others have no counterpart, and that is no divergence: what has diverged stays so
  up to the outputs. The layer is therefore the first behind the last that still has a counterpart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_sdk.convert.fit import Model
from edge_sdk.convert.parity.graph import Layer, layers_of, with_outputs
from edge_sdk.session import host_config, open_session
from edge_sdk.tensors import Array, Tensors, snr_db

_FLOATS = "f"


@dataclass(frozen=True, slots=True)
class Found:
    """An operator of the ONNX graph and what it gives."""

    layer: Layer
    array: Array


def first_divergence(model: Model, layers: Sequence[tuple[str, Array]], feed: Tensors, *, min_snr_db: float) -> str:
    """Return in words which layer diverges first; empty where that cannot be told.

    Args:
        model: The ONNX model.
        layers: What the source's layers give for the feed, in the order of computation.
        feed: The inputs.
        min_snr_db: What a tensor that is the same has at least.
    """
    floats = [(name, array) for name, array in layers if array.dtype.kind in _FLOATS and array.size > 1]
    tensors = _intermediate(model, feed)
    place, last = 0, -1
    for index, (_, array) in enumerate(floats):
        match = next((i for i in range(place, len(tensors)) if ratio(array, tensors[i].array) >= min_snr_db), None)
        if match is not None:
            place, last = match, index
    if last + 1 >= len(floats):
        return ""
    name, array = floats[last + 1]
    behind = f", behind {floats[last][0]}, which is still the same" if last >= 0 else ""
    return f"{name}{behind}{_nearest(array, tensors[place:])}"


def ratio(expected: Array, got: Array) -> float:
    """Return the signal-to-noise ratio in dB of two arrays in the best of their layouts; -200 where none fits."""
    return max((snr_db(expected, one) for one in _layouts(got, expected.shape)), default=-200.0)


def _layouts(array: Array, wanted: tuple[int, ...]) -> Iterator[Array]:
    turned = [array]
    if array.ndim > 2:
        turned += [np.moveaxis(array, 1, -1), np.moveaxis(array, -1, 1), array.swapaxes(0, 1)]
    for one in turned:
        if [size for size in one.shape if size != 1] == [size for size in wanted if size != 1]:
            yield one.reshape(wanted)


def _intermediate(model: Model, feed: Tensors) -> list[Found]:
    """Return what each operator gives, in the order of execution."""
    layers = layers_of(model)
    exposed = with_outputs(model, [layer.tensor for layer in layers])
    as_written = replace(host_config(), optimized=False)  # optimizers of onnxruntime 1.32 stumble over shown weights
    outputs = open_session(exposed.SerializeToString(), as_written, where="intermediate tensors").run(feed)
    found = [Found(layer, outputs[layer.tensor]) for layer in layers if layer.tensor in outputs]
    return [one for one in found if isinstance(one.array, np.ndarray) and one.array.dtype.kind in _FLOATS]


def _nearest(expected: Array, tensors: Sequence[Found]) -> str:
    near = max(tensors, key=lambda one: ratio(expected, one.array), default=None)
    snr = ratio(expected, near.array) if near is not None else -200.0
    return f"; nearest is {near.layer} at {snr:.0f} dB" if near is not None and snr > 0 else ""
