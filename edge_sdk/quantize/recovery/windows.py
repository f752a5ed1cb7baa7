"""Which range of a tensor disturbs least what the next layers make of it.

Clipping a rare large value may ruin a network or not matter at all: that depends on the weights that read it, and on
the clamp behind them. So each candidate range of a tensor is tried on what really reads the tensor: its window, that is
all operators from the tensor to the next layer's result, and on to where the layer after that begins. The window runs
alone, in float, on a few samples, with nothing but this tensor rounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from edge_sdk.quantize.calibrate import Advance, Statistics, watch
from edge_sdk.quantize.graph import LAYER_OPS, Graph, Node
from edge_sdk.quantize.ranges import Quant, Range, candidate_ranges, choose_range, to_quant
from edge_sdk.quantize.recovery.part import Part, free_inputs, part_of
from edge_sdk.quantize.sensitivity import relative_error
from edge_sdk.tensors import Array, Tensors

_KEPT_BYTES = 128 << 20
"""Values of windows' inputs that are kept at a time, over all samples."""
_INDIFFERENT = 1.05
"""A wider range is taken as long as it is at most so much worse: samples to come may need it."""
_HOPELESS = 1.5
"""A range narrower than the best on some of the samples, and so much worse there, is not tried on the others."""
_FIRST = 4
"""All ranges are tried on every so many-th sample."""
_SCALE, _ZERO = "\0scale", "\0zero"


def choose_ranges(
    graph: Graph,
    statistics: Mapping[str, Statistics],
    samples: Sequence[Tensors],
    *,
    symmetric: bool,
    advance: Advance = lambda _: None,
) -> dict[str, tuple[str, Range]]:
    """Return the range of each tensor, and the name of the way in which it was found.

    Args:
        graph: A cleaned graph.
        statistics: What calibration saw of the tensors.
        samples: A few inputs of the model.
        symmetric: Whether the zero point is always 0.
        advance: Called with 1 after each tensor.
    """
    chosen: dict[str, tuple[str, Range]] = {}
    windows = {name: window_of(graph, name) for name in statistics}
    for group in _groups(graph, windows, len(samples)):
        values = _values(graph, {name for tensor in group for name in _inputs(graph, tensor, windows[tensor])}, samples)
        for tensor in group:
            histogram = statistics[tensor].histogram
            nodes, results = windows[tensor]
            if results:
                given = _given(values, _inputs(graph, tensor, windows[tensor]), len(samples))
                trial = _trial(graph, tensor, nodes, results, given, symmetric=symmetric)
                chosen[tensor] = _least(candidate_ranges(histogram, symmetric=symmetric), trial)
            else:
                chosen[tensor] = ("mse", choose_range(histogram, "mse", symmetric=symmetric))
            advance(1)
    return chosen


Trial = Callable[[Range, int], float]
"""Tells how far a range disturbs, on every so many-th sample."""
Window = tuple[tuple[Node, ...], tuple[str, ...]]
"""The operators that a tensor's rounding reaches before a second layer, and the results of theirs that are read on."""


def window_of(graph: Graph, tensor: str) -> Window:
    """Return the window of a tensor."""
    layers = {tensor: 0}
    nodes: list[Node] = []
    for node in graph.nodes:
        passed = [layers[name] for name in graph.activations(node) if name in layers]
        if not passed or (node.op_type in LAYER_OPS and min(passed) == 1):
            continue
        nodes.append(node)
        layers.update(dict.fromkeys(node.output, 1 if node.op_type in LAYER_OPS else min(passed)))
    inside = {node.name for node in nodes}
    results = [name for node in nodes for name in node.output if name and graph.is_float(name)]
    read_on = [n for n in results if n in graph.outputs or any(c.name not in inside for c in graph.consumers[n])]
    return tuple(nodes), tuple(read_on)


def _inputs(graph: Graph, tensor: str, window: Window) -> tuple[str, ...]:
    return tuple(dict.fromkeys((tensor, *free_inputs(graph, window[0]))))


def _groups(graph: Graph, windows: Mapping[str, Window], samples: int) -> Iterator[list[str]]:
    group: list[str] = []
    held: set[str] = set()
    for tensor, window in windows.items():
        held |= set(_inputs(graph, tensor, window))
        if group and sum(graph.elements(name) for name in held) * 4 * samples > _KEPT_BYTES:
            yield group
            group, held = [], set(_inputs(graph, tensor, window))
        group.append(tensor)
    if group:
        yield group


def _values(graph: Graph, names: Iterable[str], samples: Sequence[Tensors]) -> Mapping[str, list[Array]]:
    values: dict[str, list[Array]] = defaultdict(list)
    watch(graph, sorted(names), samples, lambda name, array: values[name].append(array))
    return values


def _given(values: Mapping[str, list[Array]], names: Sequence[str], samples: int) -> list[dict[str, Array]]:
    return [{name: values[name][i] for name in names} for i in range(samples)]


def _trial(
    graph: Graph,
    tensor: str,
    nodes: Sequence[Node],
    results: Sequence[str],
    given: Sequence[Tensors],
    *,
    symmetric: bool,
) -> Trial:
    """Return what tells how far a range of the tensor disturbs the results of its window."""
    plain = Part(part_of(graph, nodes, results))
    expected = [plain.run(one) for one in given]
    rounded = _open_rounded(graph, tensor, nodes, results)

    def error(candidate: Range, every: int) -> float:
        steps = _steps(tensor, to_quant(*candidate, symmetric=symmetric))
        return relative_error(expected[::every], (rounded.run({**one, **steps}) for one in given[::every]))

    return error


def _steps(tensor: str, quant: Quant) -> dict[str, Array]:
    return {tensor + _SCALE: np.array(quant.scale, np.float32), tensor + _ZERO: np.array(quant.zero_point, np.int8)}


def _open_rounded(graph: Graph, tensor: str, nodes: Sequence[Node], results: Sequence[str]) -> Part:
    """Open a window that rounds its tensor first, with scale and zero point as inputs."""
    from onnx import TensorProto, helper

    model = part_of(graph, nodes, results)
    stored, result = tensor + "\0stored", tensor + "\0rounded"
    for node in model.graph.node:
        node.input[:] = [result if name == tensor else name for name in node.input]
    quant = [tensor + _SCALE, tensor + _ZERO]
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", [stored, *quant], [result]))
    model.graph.node.insert(0, helper.make_node("QuantizeLinear", [tensor, *quant], [stored]))
    kinds = (TensorProto.FLOAT, TensorProto.INT8)
    model.graph.input.extend(helper.make_tensor_value_info(n, k, []) for n, k in zip(quant, kinds, strict=True))
    return Part(model)


def _least(candidates: Mapping[str, Range], error: Trial) -> tuple[str, Range]:
    """Return the range that disturbs least, or a wider one that is nearly as good.

    A few samples tell what a wide range costs, for rounding is the same everywhere, but not what a narrow one does, for
    what it clips is rare: those that are ruled out early are narrow and bad already.
    """
    width = {name: high - low for name, (low, high) in candidates.items()}
    first = {name: error(candidate, _FIRST) for name, candidate in candidates.items()}
    best = min(first, key=lambda name: first[name])
    hopeful = [n for n in candidates if width[n] >= width[best] or first[n] <= first[best] * _HOPELESS]
    errors = {name: error(candidates[name], 1) for name in hopeful}
    bound = min(errors.values()) * _INDIFFERENT
    widest = max((name for name in hopeful if errors[name] <= bound), key=lambda name: width[name])
    return widest, candidates[widest]
