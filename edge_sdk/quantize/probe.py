"""A look inside a float model while it runs: what its own statistics, its first layer and its outputs make of a sample.

- Where the model still has BatchNorm, its running mean and variance say what its training fed to each channel.
- Where BatchNorm is folded, the response of the first layer is near 1, since folding scales it so.
- Of the outputs, the greatest and least value of each channel tell how sure the model is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_sdk.quantize.calibrate import with_outputs
from edge_sdk.quantize.graph import Graph, Model, Node
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tensors import Array, Tensors

_MOST_LAYERS = 8
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and mean square of each channel of one tensor."""

    mean: Values
    square: Values


@dataclass(frozen=True, slots=True)
class Glance:
    """What one sample does in the model.

    Attributes:
        inside: Moments of each tensor that the probe watches, in its order.
        highs: Greatest value of each channel of the outputs, all outputs one after the other.
        lows: Least value of each.
        is_vector: Whether all there is is one value a channel, as classifiers give.
        outputs: The outputs themselves.
    """

    inside: tuple[Moments, ...]
    highs: Values
    lows: Values
    is_vector: bool
    outputs: Tensors


@dataclass(frozen=True, slots=True)
class Expected:
    """What BatchNorm has learned of one tensor: running mean and variance of each channel."""

    mean: Values
    variance: Values


class Probe:
    """The float model, opened with the tensors to watch.

    Attributes:
        expected: What each watched tensor should be like; empty where BatchNorm is folded, and the one tensor that is
            watched is the first layer's response.
    """

    def __init__(self, original: Model, graph: Graph) -> None:
        norms = _batch_norms(Graph(original))[:_MOST_LAYERS]
        self.expected = tuple(expected for _, expected in norms)
        self._watched = [name for name, _ in norms] or _first_layer(graph)
        self._outputs = graph.outputs
        tapped = with_outputs(original if norms else graph.model, self._watched)
        self._session: Session = open_session(tapped, host_config(), where="doctor")

    def glance(self, tensors: Tensors) -> Glance:
        """Run one sample.

        Raises:
            InputError: It does not fit the model.
        """
        values = self._session.run(tensors)
        outputs = {name: values[name] for name in self._outputs}
        channels = [_by_channel(array) for array in outputs.values() if array.dtype.kind == "f" and array.size]
        return Glance(
            inside=tuple(_moments(values[name]) for name in self._watched),
            highs=np.concatenate([part.max(axis=1) for part in channels] or [np.zeros(0)]),
            lows=np.concatenate([part.min(axis=1) for part in channels] or [np.zeros(0)]),
            is_vector=len(channels) == len(outputs) == 1 and channels[0].shape[1] == 1,
            outputs=outputs,
        )


def _batch_norms(graph: Graph) -> list[tuple[str, Expected]]:
    """Return the inputs of the BatchNorm nodes of an uncleaned graph, with what these have learned of them."""
    found = []
    for node in graph.nodes:
        if node.op_type != "BatchNormalization" or any(name not in graph.constants for name in node.input[3:5]):
            continue
        mean, variance = (np.asarray(graph.constants[name], np.float64) for name in node.input[3:5])
        found.append((node.input[0], Expected(mean, variance)))
    return found


def _first_layer(graph: Graph) -> list[str]:
    layers: list[Node] = [node for node in graph.nodes if node.op_type in {"Conv", "Gemm"} and node.input[1:2]]
    fixed = [node for node in layers if node.input[1] in graph.constants and graph.is_float(node.input[1])]
    return [fixed[0].output[0]] if fixed else []


def _moments(values: Array) -> Moments:
    rows = values.reshape(*values.shape[:2], -1).astype(np.float64)
    return Moments(rows.mean(axis=(0, 2)), np.square(rows).mean(axis=(0, 2)))


def _by_channel(values: Array) -> Values:
    """Return an output as [channels, positions]: of [1, a, b] the shorter axis has the channels."""
    first = values[0] if values.ndim > 1 else values
    if first.ndim == 2 and first.shape[0] > first.shape[1]:
        first = first.T
    return np.asarray(first.reshape(first.shape[0] if first.ndim else 1, -1), np.float64)
