"""Which kernel computes an operator, in float and in int8, and how much of the engine's rate it reaches.

Pure: the rules of onnxruntime's MLAS on 64-bit Arm (`convsym.cpp`, `qlinearconv.cc`, `platform.cpp`) on one operator:

- A 1x1 convolution is a matrix product in both; in int8 by the symmetric kernels, which exist for int8 activations.
- Other dense convolutions run by `ConvSym` where their channels fit it; else patches are copied for a matrix product.
- A depthwise convolution has integer kernels of its own for whole eights of channels. In float each group is a product
  of one row, which leaves most of the engine idle.
- TensorRT on a GPU has kernels for all of them; depthwise ones are bound by memory.

The efficiencies are what makes published times of whole networks come out (see docs/decisions/0015-one-search.md); they
belong to kernels, not to boards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edge_sdk.profiles import DeviceProfile
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node, attributes

Kernel = Literal["product", "vector", "direct", "patches", "depthwise", "depthwise-by-group", "grouped", "other"]
"""How an operator that multiplies is computed.

`product`: a matrix product, 1x1 convolutions too; `vector`: one with a single row, bound by its weights; `direct`:
ConvSym; `patches`: im2col and a product; `depthwise`: kernels of its own; `depthwise-by-group` and `grouped`: a product
for each group; `other`: transposed convolutions and recurrent ones.
"""

FLOAT_EFFICIENCY: Mapping[Kernel, float] = {
    "product": 1.0,
    "vector": 1.0,
    "direct": 1.0,
    "patches": 1.0,
    "depthwise": 0.3,
    "depthwise-by-group": 0.2,
    "grouped": 0.5,
    "other": 0.5,
}
INTEGER_EFFICIENCY: Mapping[Kernel, float] = {
    "product": 1.0,
    "vector": 1.0,
    "direct": 1.0,
    "patches": 0.85,
    "depthwise": 0.25,
    "depthwise-by-group": 0.08,
    "grouped": 0.4,
    "other": 0.5,
}
_CHANNEL_MULTIPLES = {"dotprod": (4, 16), "neon": (8, 8)}
"""What ConvSym wants the channels to be multiples of, in and out, by the feature of the CPU that picks the kernel."""
_LEAST_CHANNELS = 64
_DEPTHWISE_MULTIPLE = 8


def float_kernel(graph: Graph, node: Node) -> Kernel:
    """Return how an operator that multiplies is computed in float."""
    if node.op_type != "Conv":
        return _product(graph, node)
    group, channels, pixels = _convolution(graph, node)
    if group > 1:
        return "depthwise-by-group" if channels == 1 else "grouped"
    return "product" if pixels == 1 else "patches"


def integer_kernel(graph: Graph, node: Node, profile: DeviceProfile) -> Kernel:
    """Return how an operator that multiplies is computed in int8 on a board."""
    if node.op_type != "Conv":
        return _product(graph, node)
    group, channels, pixels = _convolution(graph, node)
    out = graph.shapes[node.input[1]][0]
    if group > 1 and channels == 1 and out == group:
        return "depthwise" if group % _DEPTHWISE_MULTIPLE == 0 else "depthwise-by-group"
    if group > 1:
        return "grouped"
    if pixels == 1:
        return "product"
    return "direct" if _fits_direct(channels, out, profile) else "patches"


def _product(graph: Graph, node: Node) -> Kernel:
    if node.op_type not in LAYER_OPS:
        return "other"
    rows = graph.elements(node.output[0]) // max(graph.shapes.get(node.output[0], (1,))[-1], 1)
    return "vector" if rows <= 1 else "product"


def _convolution(graph: Graph, node: Node) -> tuple[int, int, int]:
    """Return the groups of a convolution, the input channels of a group, and the pixels under its window."""
    weight = graph.shapes.get(node.input[1], (1, 1, 1))
    pixels = 1
    for size in weight[2:]:
        pixels *= size
    return int(attributes(node).get("group", 1)), weight[1], pixels


def _fits_direct(channels: int, out: int, profile: DeviceProfile) -> bool:
    """Tell whether ConvSym takes a dense convolution with these channels."""
    feature = "dotprod" if "dotprod" in profile.cpu.features else "neon"
    each_in, each_out = _CHANNEL_MULTIPLES[feature]
    fits = channels % each_in == 0 and out % each_out == 0
    return profile.cpu.arch == "aarch64" and channels >= _LEAST_CHANNELS and fits
