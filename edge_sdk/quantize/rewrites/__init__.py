"""Rewrites of the float graph that compute the same and let more of it run in integers.

- Each is one file and looks at one operator; the tables here say which there are, and their order.
- What is rewritten computes the same as before, but for the rounding of float32.
- The float model stays as fast, to 3 in 100: it is still the measure of what int8 gains.
"""

from __future__ import annotations

from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.rewrites.average import average_to_convolution
from edge_sdk.quantize.rewrites.batch_norm import batch_norm_to_convolution
from edge_sdk.quantize.rewrites.channels import channels_to_lanes
from edge_sdk.quantize.rewrites.clamp import clamp_before_moves
from edge_sdk.quantize.rewrites.division import division_to_product
from edge_sdk.quantize.rewrites.hard_sigmoid import clip_to_hard_sigmoid
from edge_sdk.quantize.rewrites.hard_swish import hard_swish_to_product
from edge_sdk.quantize.rewrites.heads import head_to_product
from edge_sdk.quantize.rewrites.maximum import global_max_to_reduce_max
from edge_sdk.quantize.rewrites.mean import mean_to_pool
from edge_sdk.quantize.rewrites.padding import padding_into_window
from edge_sdk.quantize.rewrites.prelu import prelu_to_leaky_relu
from edge_sdk.quantize.rewrites.replacement import Rewrite, apply_rewrite
from edge_sdk.quantize.rewrites.silu import silu_to_product
from edge_sdk.quantize.rewrites.subtraction import subtraction_to_sum

ACTIVATIONS: tuple[Rewrite, ...] = (hard_swish_to_product, silu_to_product)
"""Activations that stand for several operators. Some operator sets have not got them: they go before all else."""

REWRITES: tuple[Rewrite, ...] = (
    subtraction_to_sum,
    division_to_product,
    clip_to_hard_sigmoid,
    batch_norm_to_convolution,
    prelu_to_leaky_relu,
    mean_to_pool,
    global_max_to_reduce_max,
    padding_into_window,
    average_to_convolution,
    clamp_before_moves,
    channels_to_lanes,
    head_to_product,
)
"""In the order in which they run: what one writes, those below it may read."""


def write_out_activations(model: Model) -> Model:
    """Return the model, as it was read, with HardSwish and SiLU as products with a gate."""
    for rewrite in ACTIVATIONS:
        model = apply_rewrite(Graph(model), rewrite) or model
    return model


def rewrite_for_integers(model: Model) -> Model:
    """Return a model in the forms that have integer kernels, with the shapes of its tensors.

    Args:
        model: Static, folded, with named operators and inferred shapes; itself if there is nothing to rewrite.
    """
    import onnx

    graph = Graph(model)
    for rewrite in REWRITES:
        changed = apply_rewrite(graph, rewrite)
        if changed is not None:
            graph = Graph(onnx.shape_inference.infer_shapes(changed, data_prop=True))
    return graph.model
