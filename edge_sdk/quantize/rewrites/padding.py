"""A Pad before a window that can pad by itself goes into the window.

- A convolution pads with zeros, and so does an AveragePool that counts what is padded.
- A MaxPool takes no part of what it pads: it stands for a Pad with the least number there is, and for one with zeros
  where no value is below zero.

onnxruntime's own optimizer does the first two, where the Pad names no axes and the window says nothing of its padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement, scalar

_NOT_BELOW_ZERO = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax"})
_MOVES = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "Reshape", "Transpose", "Slice", "Split"})
_LEAST = float(np.finfo(np.float32).min)

Sizes = tuple[int, ...]


def padding_into_window(graph: Graph, node: Node) -> Replacement | None:
    """Return a Conv, MaxPool or AveragePool that pads what the Pad before it padded."""
    import onnx

    pad = graph.producer.get(node.input[0]) if node.input else None
    if pad is None or pad.op_type != "Pad" or not _is_padded_alike(graph, node, pad):
        return None
    facts, before = attributes(node), _sizes_before_window(graph, pad)
    if before is None or facts.get("ceil_mode") or facts.get("auto_pad", b"NOTSET") not in {b"NOTSET", b"VALID"}:
        return None
    own = facts.get("pads") or (0,) * len(before)
    pads = [a + b for a, b in zip(own, before, strict=True)]
    if node.op_type != "Conv" and not _is_within(pads, facts):
        return None
    window = onnx.NodeProto()
    window.CopyFrom(node)
    window.input[0] = pad.input[0]
    _set(window, pads=pads, **({"count_include_pad": 1} if node.op_type == "AveragePool" else {}))
    return Replacement((window,))


def _is_padded_alike(graph: Graph, node: Node, pad: Node) -> bool:
    """Tell whether a window pads with what the Pad pads with."""
    facts = attributes(node)
    value = scalar(graph, pad.input[2]) if len(pad.input) > 2 and pad.input[2] else 0.0
    if attributes(pad).get("mode", b"constant") != b"constant" or value is None:
        return False
    if node.op_type == "MaxPool":
        return value <= _LEAST or (value == 0 and _is_never_below_zero(graph, pad.input[0]))
    counts = bool(facts.get("count_include_pad")) or not any(facts.get("pads", ()))
    return value == 0 and (node.op_type == "Conv" or (node.op_type == "AveragePool" and counts))


def _is_never_below_zero(graph: Graph, tensor: str) -> bool:
    maker = graph.producer.get(tensor)
    while maker is not None and maker.op_type in _MOVES:
        maker = graph.producer.get(maker.input[0])
    if maker is None:
        return False
    if maker.op_type == "Clip" and len(maker.input) > 1:
        least = scalar(graph, maker.input[1])
        return least is not None and least >= 0
    return maker.op_type in _NOT_BELOW_ZERO


def _sizes_before_window(graph: Graph, pad: Node) -> Sizes | None:
    """Return by how much a Pad pads each size of a picture, starts before ends; None if it does anything else."""
    shape, sizes = graph.shapes.get(pad.input[0]), graph.constants.get(pad.input[1])
    if shape is None or sizes is None or sizes.min() < 0:
        return None
    axes = graph.constants.get(pad.input[3]) if len(pad.input) > 3 and pad.input[3] else np.arange(len(shape))
    if axes is None:
        return None
    told = np.zeros((2, len(shape)), int)
    told[:, axes % len(shape)] = sizes.reshape(2, -1)
    return None if told[:, :2].any() else tuple(int(size) for size in told[:, 2:].ravel())


def _is_within(pads: list[int], facts: Any) -> bool:
    """Tell whether a pooling may pad so much: less than its window, so that each window holds a value."""
    return all(size < window for size, window in zip(pads, [*facts["kernel_shape"]] * 2, strict=True))


def _set(node: Node, **values: Any) -> None:
    from onnx import helper

    kept = [attribute for attribute in node.attribute if attribute.name not in {*values, "auto_pad"}]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in values.items())])
