"""An AveragePool over the whole picture is a GlobalAveragePool; over windows, a depthwise convolution of equal weights.

onnxruntime's integer AveragePool takes 8.6 ARM instructions for each value of a window, its depthwise convolution 0.7
to 1.0 (docs/decisions/0011). The weights are one number, which int8 holds exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement

_WINDOW = ("kernel_shape", "pads", "strides")


def average_to_convolution(graph: Graph, node: Node) -> Replacement | None:
    """Return a GlobalAveragePool or a depthwise convolution for an AveragePool whose windows are all of one size."""
    from onnx import helper

    if node.op_type != "AveragePool" or not graph.is_float(node.input[0]):
        return None
    shape, facts = graph.shapes.get(node.input[0], ()), attributes(node)
    if len(shape) < 3 or not _windows_are_alike(facts, shape[2:]):
        return None
    window = tuple(facts["kernel_shape"])
    if window == shape[2:] and not any(facts.get("pads", ())):
        return Replacement((helper.make_node("GlobalAveragePool", [node.input[0]], list(node.output), node.name),))
    settings = {name: facts[name] for name in _WINDOW if name in facts}
    weight = f"{node.name}_weight"
    convolution = helper.make_node(
        "Conv", [node.input[0], weight], list(node.output), node.name, group=shape[1], **settings
    )
    return Replacement((convolution,), {weight: np.full((shape[1], 1, *window), 1 / np.prod(window), np.float32)})


def _windows_are_alike(facts: Mapping[str, Any], sizes: tuple[int, ...]) -> bool:
    """Tell whether each window is divided by the same number: none reaches over what counts."""
    pads = facts.get("pads") or (0,) * 2 * len(sizes)
    counted = bool(facts.get("count_include_pad")) or not any(pads)
    plain = facts.get("auto_pad", b"NOTSET") in {b"NOTSET", b"VALID"} and set(facts.get("dilations", (1,))) == {1}
    padded = [size + before + after for size, before, after in zip(sizes, pads, pads[len(sizes) :], strict=False)]
    strides = facts.get("strides") or (1,) * len(sizes)
    left = [(size - taps) % step for size, taps, step in zip(padded, facts["kernel_shape"], strides, strict=True)]
    return counted and plain and not (facts.get("ceil_mode") and any(left))
