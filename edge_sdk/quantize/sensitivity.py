"""Which layers add the noise: each is quantized alone, and the model's outputs are compared with the float model's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import Advance
from edge_sdk.quantize.graph import Graph, Node
from edge_sdk.quantize.guard import LayerNoise
from edge_sdk.session import Session
from edge_sdk.tensors import Tensors


def layer_noises(
    graph: Graph,
    samples: Sequence[Tensors],
    open_alone: Callable[[Sequence[str]], Session],
    *,
    layers: Sequence[Node],
    reference: Session,
    advance: Advance = lambda _: None,
) -> tuple[LayerNoise, ...]:
    """Return what each layer adds, in the order of execution.

    Args:
        graph: The cleaned float graph.
        samples: A few inputs of the model.
        open_alone: Opens the model with the given layers in float, all others quantized.
        layers: The layers to rank.
        reference: The float model, opened.
        advance: Called with 1 after each layer.
    """
    total = max(sum(graph.macs(node) for node in graph.nodes), 1)
    expected = [reference.run(sample) for sample in samples]
    found = []
    for node in layers:
        session = open_alone([other.name for other in layers if other is not node])
        noise = relative_error(expected, (session.run(sample) for sample in samples))
        found.append(LayerNoise(node.name, noise, graph.macs(node) / total))
        advance(1)
    return tuple(found)


def relative_error(expected: Sequence[Tensors], got: Iterable[Tensors]) -> float:
    """Return the squared error over the power of the expected outputs, the mean over outputs."""
    errors: dict[str, float] = {}
    powers: dict[str, float] = {}
    for ours, theirs in zip(expected, got, strict=True):
        for name, values in ours.items():
            errors[name] = errors.get(name, 0.0) + _power(np.subtract(theirs[name], values, dtype=np.float32))
            powers[name] = powers.get(name, 0.0) + _power(values.astype(np.float32, copy=False))
    return float(np.mean([errors[name] / powers[name] if powers[name] else 0.0 for name in errors]))


def _power(values: npt.NDArray[np.float32]) -> float:
    """Return the sum of squares."""
    return float(np.vdot(values, values))
