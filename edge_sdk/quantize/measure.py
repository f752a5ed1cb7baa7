"""Models measured on samples: results, and how far they are from the float model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edge_sdk.errors import InputError
from edge_sdk.package import Accuracy
from edge_sdk.quantize.cache import Shelf
from edge_sdk.quantize.calibrate import Advance
from edge_sdk.quantize.compare import compare
from edge_sdk.quantize.departure import Departure, find_departures
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.kept import results_from_arrays, results_to_arrays
from edge_sdk.samples import Samples
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tasks import Result, TaskSpec, Truth, build_task, for_scoring


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a variant.

    Attributes:
        accuracy: What it loses, and how far it agrees with the float model.
        departures: The samples on which it answers otherwise.
    """

    accuracy: Accuracy
    departures: tuple[Departure, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What variants are measured on.

    Attributes:
        task: What the model is for.
        samples: The samples.
        truths: Their labels, or None.
        reference: The float model's results.
        shelf: Where results on these samples are kept.
    """

    task: TaskSpec
    samples: Samples
    truths: Sequence[Truth] | None
    reference: Sequence[Result]
    shelf: Shelf = field(default_factory=Shelf)

    def on(self, samples: Samples) -> Evaluation:
        """Return the same on the same samples, read otherwise."""
        return replace(self, samples=samples, shelf=replace(self.shelf, inputs=samples.inputs))

    def measure(self, session: Session, advance: Advance) -> Measured:
        """Return what a variant loses, how far it agrees with the float model, and where it does not."""
        task, results = build_task(self.task), run_all(session, self, advance)
        departures = find_departures(task, self.reference, results, self.truths)
        return Measured(compare(task, self.reference, results, self.truths), departures)


def run_all(session: Session, evaluation: Evaluation, advance: Advance) -> list[Result]:
    """Return the results of an opened model on all samples.

    Raises:
        InputError: A sample does not fit the model, or the sizes of its outputs depend on the sample.
    """
    kept = evaluation.shelf.load("results", session.digest, evaluation.task)
    if kept is not None:
        advance(len(evaluation.samples))
        return results_from_arrays(evaluation.task.kind, kept)
    results = _run_samples(session, evaluation, advance)
    evaluation.shelf.save(results_to_arrays(results), "results", session.digest, evaluation.task)
    return results


def _run_samples(session: Session, evaluation: Evaluation, advance: Advance) -> list[Result]:
    task = build_task(for_scoring(evaluation.task))
    results: list[Result] = []
    shapes: dict[str, tuple[int, ...]] = {}
    for item in evaluation.samples:
        outputs = session.run(item.tensors)
        for name, values in outputs.items():
            if shapes.setdefault(name, values.shape) != values.shape:
                raise InputError(
                    f"{item.name}: expected {name} of shape {list(shapes[name])}, got {list(values.shape)}",
                    hint="export the model without its last steps (NMS): outputs of one size can be compared",
                )
        results.append(task.decode(outputs, item.transform, item.tensors))
        advance(1)
    return results


def open_float(graph: Graph) -> Session:
    """Open the float model."""
    return open_session(bytes(graph.model.SerializeToString()), host_config(), where="float model")
