"""The distributions of a model's tensors over calibration samples, in bounded memory.

Tensors are read in groups that together stay below a limit; each group is one pass over the samples, and of a sample
nothing is kept but counts. (onnxruntime's own calibrators keep every tensor of every sample.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from edge_sdk.errors import InputError
from edge_sdk.quantize.channels import ChannelMeans
from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.histogram import Histogram
from edge_sdk.session import host_config, open_session
from edge_sdk.tensors import Array, Tensors

_GROUP_BYTES = 96 << 20
_FLOAT_BYTES = 4
_KEPT_EVERY = 32
"""Samples after which what was seen is kept, where it is."""

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was seen of a tensor: all its values, and the mean of each channel."""

    histogram: Histogram = field(default_factory=Histogram)
    channels: ChannelMeans = field(default_factory=ChannelMeans)


class Keeper(Protocol):
    """Keeps the statistics of a group of tensors while they grow."""

    def restore(self, group: str, seen: Mapping[str, Statistics]) -> int:
        """Put back what was kept of a group, and return how many samples that has seen; 0 if there is nothing."""

    def keep(self, group: str, seen: Mapping[str, Statistics], samples: int) -> None:
        """Keep what so many samples have shown of a group."""


def collect(
    graph: Graph,
    tensors: Sequence[str],
    samples: Callable[[], Iterable[Tensors]],
    *,
    advance: Advance = lambda _: None,
    keeper: Keeper | None = None,
) -> dict[str, Statistics]:
    """Return what is seen of each tensor over all samples.

    Args:
        graph: A cleaned graph.
        tensors: Names of float tensors.
        samples: Gives the samples anew at each call, as inputs of the model.
        advance: Called with 1 after each sample of each pass; see `passes`.
        keeper: Keeps what was seen, for a run that is interrupted.

    Raises:
        InputError: There are no samples, or a tensor was NaN or infinite.
    """
    seen = {name: Statistics() for name in tensors}
    for group in _groups(graph, tensors):
        _collect_group(graph, {name: seen[name] for name in group}, samples, advance, keeper)
    for name, statistics in seen.items():
        if statistics.histogram.unusable:
            raise InputError(
                f"calibration: expected finite values in {name}, got {statistics.histogram.unusable} NaN or infinite",
                hint="check the preprocessing: divisor, mean and std",
            )
    return seen


def _collect_group(
    graph: Graph,
    seen: Mapping[str, Statistics],
    samples: Callable[[], Iterable[Tensors]],
    advance: Advance,
    keeper: Keeper | None,
) -> None:
    session = open_session(with_outputs(graph.model, seen), host_config(), where="calibration")
    start = count = 0 if keeper is None else keeper.restore(session.digest, seen)
    if start:
        advance(start)
    for count, sample in enumerate(islice(samples(), start, None), start + 1):
        outputs = session.run(sample)
        for name, statistics in seen.items():
            values = sample[name] if name in graph.inputs else outputs[name]
            statistics.histogram.add(values)
            statistics.channels.add(values)
        if keeper is not None and count % _KEPT_EVERY == 0:
            keeper.keep(session.digest, seen, count)
        advance(1)
    if not count:
        raise InputError("calibration: expected samples, got none")
    if keeper is not None and count % _KEPT_EVERY and count > start:
        keeper.keep(session.digest, seen, count)


def watch(graph: Graph, tensors: Sequence[str], samples: Iterable[Tensors], see: Callable[[str, Array], None]) -> None:
    """Show the values of tensors, one sample after another.

    Args:
        graph: A cleaned graph.
        tensors: Names of tensors.
        samples: Inputs of the model, which can be gone through again and again.
        see: Called with the name and the values of each tensor of each sample.
    """
    for group in _groups(graph, tensors):
        session = open_session(with_outputs(graph.model, group), host_config(), where="calibration")
        for sample in samples:
            outputs = session.run(sample)
            for name in group:
                see(name, sample[name] if name in graph.inputs else outputs[name])


def passes(graph: Graph, tensors: Sequence[str]) -> int:
    """Return how many times the samples are read."""
    return len(_groups(graph, tensors))


def _groups(graph: Graph, tensors: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    size_bytes = 0
    for name in tensors:
        own = graph.elements(name) * _FLOAT_BYTES
        if groups[-1] and size_bytes + own > _GROUP_BYTES:
            groups.append([])
            size_bytes = 0
        groups[-1].append(name)
        size_bytes += own
    return groups


def with_outputs(model: Model, tensors: Iterable[str]) -> bytes:
    """Return the serialized model with further tensors of it among its outputs."""
    import onnx

    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    present = {value.name for value in tapped.graph.output} | {value.name for value in tapped.graph.input}
    tapped.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in tensors if name not in present
    )
    return bytes(tapped.SerializeToString())
