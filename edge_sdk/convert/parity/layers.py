"""Finds the first operator at which an engine leaves the oracle.

- All intermediate tensors become outputs of one model, which both run. An engine fuses less across outputs: the report
  says which graph was compared.
- Where an engine refuses that model, or is right as soon as it fuses less, tensors are added one at a time instead, and
  the first that differs is found by halves. That takes for granted that what has diverged stays so up to the outputs.
- Both get one sample: the one on which the engine is furthest away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from edge_sdk.convert.engines.launch import Job, Places, Ran, run_engine
from edge_sdk.convert.parity.graph import Model, layers_of, with_outputs
from edge_sdk.convert.parity.numbers import Difference, Tolerance, compare_arrays
from edge_sdk.convert.parity.report import LayerDifference, Layers
from edge_sdk.tensors import Array, Tensors

ALL_AT_ONCE = "every intermediate tensor is an output"
ONE_BY_ONE = "one intermediate tensor is an output, with the model's own"


class LayerSearch:
    """The intermediate tensors of one model, as the oracle has them.

    Args:
        model: The model, with fixed sizes.
        oracle: The engine that the others are compared with.
        places: Where engines live.
        tolerance: How far a tensor may be from the oracle's.
        limit_s: When a child is ended.
    """

    def __init__(self, model: Model, oracle: str, places: Places, *, tolerance: Tolerance, limit_s: float) -> None:
        self._model = model
        self._oracle = oracle
        self._places = places
        self._tolerance = tolerance
        self._limit_s = limit_s
        self._layers = layers_of(model)
        self._known: dict[int, Ran] = {}

    def find(self, engine: str, feeds: Sequence[Tensors], sample: int, failures: Collection[str]) -> Layers:
        """Return where an engine leaves the oracle.

        Args:
            engine: The engine.
            feeds: The inputs of all samples.
            sample: The index of the sample to look at.
            failures: The outputs beyond the tolerance; none where there is nothing to find.
        """
        if sample not in self._known:
            tensors = [layer.tensor for layer in self._layers]
            self._known[sample] = self._run(self._oracle, feeds[sample], tensors, {})
        known = self._known[sample]
        if known.outcome != "ran":
            return Layers(ALL_AT_ONCE, told=f"{self._oracle} does not run it: {known.reason}")
        expected = known.outputs[0]
        ran = self._run(engine, feeds[sample], [layer.tensor for layer in self._layers], _shapes(expected))
        each = tuple(self._differences(expected, ran.outputs[0])) if ran.outcome == "ran" else ()
        first = next((one.layer for one in each if self._tolerance.failure(one.difference)), None)
        if first is not None or not failures:
            return Layers(ALL_AT_ONCE, first, ran.reason, each)
        found = self._bisect(engine, feeds[sample], expected, failures)
        return replace(found, each=each)

    def _bisect(self, engine: str, feed: Tensors, expected: Tensors, failures: Collection[str]) -> Layers:
        """Find the first layer that differs, adding one tensor at a time."""
        wrong = [i for i, layer in enumerate(self._layers) if layer.tensor in failures]
        same, differs = -1, min(wrong)
        while differs - same > 1:
            middle = (same + differs) // 2
            layer = self._layers[middle]
            ran = self._run(engine, feed, [layer.tensor], _shapes(expected))
            if ran.outcome != "ran":
                return Layers(
                    ONE_BY_ONE, told=f"{engine} does not run it with {layer.tensor} as an output: {ran.reason}"
                )
            if self._tolerance.failure(_compare(layer.tensor, expected, ran.outputs[0])):
                differs = middle
            else:
                same = middle
        return Layers(ONE_BY_ONE, self._layers[differs])

    def _differences(self, expected: Tensors, got: Tensors) -> Sequence[LayerDifference]:
        there = (layer for layer in self._layers if layer.tensor in expected)
        return [LayerDifference(layer, _compare(layer.tensor, expected, got)) for layer in there]

    def _run(self, engine: str, feed: Tensors, tensors: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> Ran:
        exposed = with_outputs(self._model, tensors)
        outputs = {output.name: shapes.get(output.name, ()) for output in exposed.graph.output}
        return run_engine(engine, Job(exposed.SerializeToString(), [dict(feed)], outputs, self._limit_s), self._places)


def worst_sample(expected: Sequence[Tensors], got: Sequence[Tensors]) -> int:
    """Return the index of the sample on which an output is furthest away."""
    return max(range(len(expected)), key=lambda i: max(_distance(expected[i], got[i], name) for name in expected[i]))


def _distance(expected: Tensors, got: Tensors, name: str) -> tuple[int, float, float]:
    told = _compare(name, expected, got)
    return int(not told.comparable) + told.not_finite, told.relative, -told.equal_share


def _compare(name: str, expected: Tensors, got: Tensors) -> Difference:
    if name not in got:
        return replace(
            compare_arrays(name, [expected[name]], [expected[name]]), told="no such output", comparable=False
        )
    return compare_arrays(name, [expected[name]], [got[name]])


def _shapes(outputs: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in outputs.items()}
