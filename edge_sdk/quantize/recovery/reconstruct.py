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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import Advance, watch
from edge_sdk.quantize.channels import ChannelMeans
from edge_sdk.quantize.graph import Graph, Node, attributes
from edge_sdk.quantize.recovery.columns import columns, grid_of
from edge_sdk.quantize.recovery.part import part_of
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
_MOST_PLACES = 8192
"""Places that it is measured on: layers of few inputs know it well from these."""


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
        rounded: Layers of the same graph whose weights are taken as they are, where the scales are the same.
        advance: Told how many operators are done.
    """
    graph = integers.graph
    chosen = [n for n in graph.nodes if n.name in integers.placement.layers and n.input[1] in graph.constants]
    known = _known(integers, chosen, rounded or {})
    if correction == "weights" and len(known) == len(chosen):
        advance(len(graph.nodes))
        return {node.name: Layer(known[node.name], integers.shifted_bias(node, known[node.name])) for node in chosen}
    means = _float_means(graph, chosen, samples) if correction == "activations" else {}
    return _walked(Walk(integers, samples), {node.name for node in chosen}, known, means, advance)


def _walked(
    walk: Walk, chosen: Collection[str], known: Mapping[str, Weights], means: Mapping[str, Floats], advance: Advance
) -> dict[str, Layer]:
    """Return the layers as a walk through the whole graph makes them."""
    layers: dict[str, Layer] = {}
    for count, node in enumerate(walk.graph.nodes):
        if node.name in chosen:
            weights = known[node.name] if node.name in known else _round(node, walk)
            layers[node.name] = walk.layer(node, weights, means.get(node.output[0]))
            if len(layers) == len(chosen):
                advance(len(walk.graph.nodes) - count)
                return layers
        elif node.output[0] not in walk.placement.absorbed:
            walk.advance(part_of(walk.graph, [node], list(filter(None, node.output))), node)
        walk.forget(node)
        advance(1)
    return layers


def _known(integers: Integers, nodes: Iterable[Node], rounded: Mapping[str, Layer]) -> dict[str, Weights]:
    """Return the weights that are there already and have the shape and scales that the layers are to have."""
    there = {node.name: rounded[node.name].weights for node in nodes if node.name in rounded}
    nearest = {node.name: integers.nearest(node) for node in nodes if node.name in there}
    return {name: kept for name, kept in there.items() if _is_alike(kept, nearest[name])}


def _is_alike(one: Weights, other: Weights) -> bool:
    """Tell whether weights have one shape and scales; a convolution and the product that stands for it have two."""
    return one.stored.shape == other.stored.shape and np.array_equal(one.scales, other.scales)


def _float_means(graph: Graph, layers: Iterable[Node], samples: Sequence[Tensors]) -> dict[str, Floats]:
    """Return the mean of each channel of layers' results in float, by the result."""
    means = {node.output[0]: ChannelMeans() for node in layers}
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
    plain = walk.integers.nearest(node)
    weight = walk.graph.constants[node.input[1]].astype(np.float64)
    if weight.ndim > 2 and node.op_type != "Conv":
        return plain
    groups = int(attributes(node).get("group", 1)) if node.op_type == "Conv" else 1
    turned = weight.T if plain.axis == 1 else weight
    rows = turned.reshape(groups, turned.shape[0] // groups, -1)
    if rows.shape[2] > _MOST_INPUTS:
        return plain
    seen = _seen(node, rows.shape[0] * rows.shape[2], walk)
    seen -= seen.mean(axis=2, keepdims=True)
    covariance = (seen @ seen.transpose(0, 2, 1)).astype(np.float64)
    scales = np.broadcast_to(plain.scales.astype(np.float64), turned.shape[0]).reshape(groups, -1)
    stored = round_together(rows, scales, covariance, seen.shape[2]).reshape(turned.shape)
    return replace(plain, stored=np.ascontiguousarray(stored.T if plain.axis == 1 else stored))


def _seen(node: Node, inputs: int, walk: Walk) -> npt.NDArray[np.float32]:
    """Return what a layer multiplies its weights with, in steps, at some places: [groups, inputs, places]."""
    quant, samples = walk.quants[node.input[0]], walk.stored[node.input[0]]
    most = max(1, min(_VALUES // inputs, _MOST_PLACES) // len(samples))
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
    return taken.astype(np.float32)


def _some(count: int, most: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.arange(count) if count <= most else np.sort(random.choice(count, most, replace=False))
