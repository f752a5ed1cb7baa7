"""Goes through a quantized graph from layer to layer, and makes each layer the best of the integers that reach it.

- Weights are rounded against each other's error, on the inputs that the layer really gets: rounded ones.
- The bias puts the mean of each channel of the results back (bias correction: Nagel et al. 2019, "Data-free
  quantization", section 4.2), in one of two ways. `activations` makes it what it is in float, on the results that the
  layer really gives, so that what the layers before have done wrong does not add up. `weights` takes back what rounding
  the layer's own weights moves. Neither is best everywhere: where a range leaves rare large values out, their loss is
  a mean of few places that the first way would spread over all of them.
- Samples are kept as int8 between layers, and as few of them as fit into a bound.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import Advance, watch
from edge_sdk.quantize.channels import ChannelMeans
from edge_sdk.quantize.emit import layer_weights
from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.recovery.columns import columns, grid_of
from edge_sdk.quantize.recovery.part import dequantize, part_of
from edge_sdk.quantize.recovery.rounding import round_together
from edge_sdk.quantize.recovery.walk import Integers, Walk
from edge_sdk.quantize.weights import Floats, Layer, Weights
from edge_sdk.tensors import Tensors

Correction = Literal["activations", "weights"]
CORRECTIONS: tuple[Correction, ...] = ("weights", "activations")
_KEPT_BYTES = 192 << 20
_MOST_SAMPLES = 64
_MOST_INPUTS = 2048
"""Inputs of an output channel beyond which weights are rounded each by itself: the gain falls, the time grows cubed."""
_VALUES = 1 << 22
"""Values of a layer's inputs that the covariance is measured on."""


def reconstruct(
    integers: Integers,
    samples: Sequence[Tensors],
    correction: Correction,
    *,
    rounded: Mapping[str, Layer] | None = None,
    advance: Advance = lambda _: None,
) -> dict[str, Layer]:
    """Return weights and bias of each layer that is int8 and has constant weights.

    Args:
        integers: How the graph is to be written.
        samples: Inputs of the model; see `affordable`.
        correction: How biases put means back.
        rounded: Layers of the same graph and scales whose weights are taken as they are.
        advance: Called with 1 after each operator.
    """
    graph, placement = integers.graph, integers.placement
    walk = Walk(integers, samples)
    chosen = {node.name for node in graph.nodes if node.name in placement.layers and node.input[1] in graph.constants}
    means = _float_means(graph, chosen, samples) if correction == "activations" else {}
    layers: dict[str, Layer] = {}
    known = rounded or {}
    for node in graph.nodes:
        if node.name in chosen:
            weights = known[node.name].weights if node.name in known else _round(node, walk)
            layers[node.name] = walk.layer(node, weights, means.get(node.output[0]))
        elif node.output[0] not in placement.absorbed:
            walk.advance(part_of(graph, [node], list(filter(None, node.output))), node)
        walk.forget(node)
        advance(1)
    return layers


def _float_means(graph: Graph, layers: Collection[str], samples: Sequence[Tensors]) -> dict[str, Floats]:
    """Return the mean of each channel of layers' results in float, by the result."""
    means = {node.output[0]: ChannelMeans() for node in graph.nodes if node.name in layers}
    watch(graph, list(means), samples, lambda name, values: means[name].add(values))
    return {name: seen.mean for name, seen in means.items()}


def affordable(graph: Graph) -> int:
    """Return how many samples can be kept between layers."""
    live: set[str] = set(graph.inputs)
    last = {name: node.name for node in graph.nodes for name in node.input}
    most = 1
    for node in graph.nodes:
        live.update(node.output)
        most = max(most, sum(graph.elements(name) for name in live))
        live -= {name for name in node.input if last[name] == node.name}
    return int(np.clip(_KEPT_BYTES // (2 * most), 4, _MOST_SAMPLES))


def _round(node: Node, walk: Walk) -> Weights:
    """Return a layer's weights rounded against each other's error on what reaches the layer."""
    plain = layer_weights(walk.graph, node, walk.quants[node.input[0]].scale, walk.integers.form)
    weight = walk.graph.constants[node.input[1]].astype(np.float64)
    if weight.ndim > 2 and node.op_type != "Conv":
        return plain
    groups = int(attributes(node).get("group", 1)) if node.op_type == "Conv" else 1
    turned = weight.T if plain.axis == 1 else weight
    rows = turned.reshape(groups, turned.shape[0] // groups, -1)
    if rows.shape[2] > _MOST_INPUTS:
        return plain
    seen = _seen(node, rows.shape[0] * rows.shape[2], walk)
    centred = seen - seen.mean(axis=2, keepdims=True)
    covariance = (centred @ centred.transpose(0, 2, 1)).astype(np.float64) / seen.shape[2]
    scales = np.broadcast_to(plain.scales.astype(np.float64), turned.shape[0]).reshape(groups, -1)
    stored = round_together(rows, scales, covariance, seen.shape[2]).reshape(turned.shape)
    return replace(plain, stored=np.ascontiguousarray(stored.T if plain.axis == 1 else stored))


def _seen(node: Node, inputs: int, walk: Walk) -> npt.NDArray[np.float32]:
    """Return what a layer multiplies its weights with, at some places: [groups, inputs, places]."""
    quant, samples = walk.quants[node.input[0]], walk.stored[node.input[0]]
    most = max(1, _VALUES // (inputs * len(samples)))
    random = np.random.default_rng(0)
    if node.op_type != "Conv":
        rows = [sample.reshape(-1, sample.shape[-1]) for sample in samples]
        taken = np.concatenate([one[_some(len(one), most, random)] for one in rows]).T[np.newaxis]
    else:
        places = walk.graph.shapes[node.output[0]][2:]
        grid = grid_of(node, walk.graph.constants[node.input[1]].shape[2:], samples[0].shape[2:], places)
        some = (_some(math.prod(places), most, random) for _ in samples)
        parts = [columns(one, grid, at, quant.zero_point) for one, at in zip(samples, some, strict=True)]
        taken = np.concatenate(parts, axis=2)
    return np.asarray(dequantize(taken, quant), np.float32)


def _some(count: int, most: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.arange(count) if count <= most else np.sort(random.choice(count, most, replace=False))
