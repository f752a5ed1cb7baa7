"""SiLU, called Swish or QuickGelu where its input has a factor, is its input times a Sigmoid of it.

Both have integer kernels, the whole has none. In float, onnxruntime puts the two together again.
"""

from __future__ import annotations

import numpy as np

from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.rewrites.replacement import Replacement, name_of

_SILU = {("", "Swish"): 1.0, ("ai.onnx", "Swish"): 1.0, ("com.microsoft", "QuickGelu"): 1.702}
"""The operators that compute `x * Sigmoid(alpha * x)`, with the alpha that they have without being told."""


def silu_to_product(_graph: Graph, node: Node) -> Replacement | None:
    """Return `x * Sigmoid(alpha * x)` for `Swish(x)` and `QuickGelu(x)`."""
    from onnx import helper

    default = _SILU.get((node.domain, node.op_type))
    if default is None:
        return None
    alpha = float(attributes(node).get("alpha", default))
    name, x, gate = name_of(node), node.input[0], f"{node.output[0]}_gate"
    nodes, constants, steep = [], {}, x
    if alpha != 1:
        steep, factor = f"{gate}_input", f"{gate}_alpha"
        nodes.append(helper.make_node("Mul", [x, factor], [steep], f"{name}_alpha"))
        constants[factor] = np.array(alpha, np.float32)
    nodes.append(helper.make_node("Sigmoid", [steep], [gate], f"{name}_gate"))
    nodes.append(helper.make_node("Mul", [x, gate], list(node.output), name))
    return Replacement(tuple(nodes), constants)
