"""Which layers a GPU's tensor cores compute faster in int8 than in float16.

The rules are those of NVIDIA's ModelOpt for int8 (`find_nodes_from_convs_to_exclude` and
`find_nodes_from_matmul_to_exclude`), and two of reports: a convolution of a picture has no int8 kernel (TensorRT 10.16,
"no implementation"), and convolutions along one axis were slower in int8 than in float16 (ModelOpt, issue 80).
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_sdk.quantize.graph import Graph, Node, attributes

_STEM_CHANNELS = 4
_NARROW = 16
"""Channels that fill a tensor core."""
_ALIGNED = 8
_LEAST_GROUPED_KERNEL = 3


def slow_on_tensor_cores(graph: Graph, node: Node) -> str:
    """Return why TensorRT would be slower or fail with a layer in int8; empty if it would not."""
    weight = graph.constants.get(node.input[1])
    if weight is None:
        return "its weights are computed at run time"
    channels = stem_channels(node, weight.shape)
    if channels:
        return f"stem with {channels} input channels: TensorRT has no int8 kernel"
    return why_narrow(graph, node, weight.shape)


def stem_channels(node: Node, shape: Sequence[int]) -> int:
    """Return the input channels of a convolution that is a stem; 0 if it is none.

    Args:
        node: A layer.
        shape: The shape of its weights; empty if it is not known.
    """
    if node.op_type != "Conv" or not shape:
        return 0
    channels = shape[1] * int(attributes(node).get("group", 1))
    return channels if channels <= _STEM_CHANNELS else 0


def why_narrow(graph: Graph, node: Node, shape: Sequence[int]) -> str:
    """Return why a layer with weights of this shape does not fill a tensor core; empty if it does."""
    if not shape:
        return ""
    return (
        _of_convolution(node, shape) if node.op_type in {"Conv", "ConvTranspose"} else _of_product(graph, node, shape)
    )


def _of_convolution(node: Node, shape: Sequence[int]) -> str:
    first, second, *kernel = shape
    group = int(attributes(node).get("group", 1))
    if len(kernel) == 1:
        return "a convolution along one axis is slower in int8 than in float16"
    if min(first, second) >= _NARROW:
        return ""
    if group == 1:
        aligned = first % _ALIGNED == 0 or second % _ALIGNED == 0
        fills = aligned and max(first, second) >= _NARROW and len(set(kernel)) == 1
    else:
        fills = first % _ALIGNED == 0 and min(kernel) >= _LEAST_GROUPED_KERNEL
    return "" if fills else f"fewer than {_NARROW} channels do not fill a tensor core"


def _of_product(graph: Graph, node: Node, shape: Sequence[int]) -> str:
    rows = graph.shapes.get(node.input[0], (0, 0))[-2:-1]
    if rows in {(1,), ()}:
        return "matrix-vector product: memory-bound, no tensor core"
    if min(shape[-2:]) < _NARROW:
        return f"a matrix of {shape[-2]} x {shape[-1]} does not fill a tensor core"
    return ""
