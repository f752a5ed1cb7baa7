"""Parity with the source: the framework's own outputs beside those of the ONNX model on onnxruntime.

- On random inputs, in each size of a free batch, and on the user's data. One difference an output, over all of them.
- The task's own answers are compared on batches of one: a flipped class counts, whatever the numbers say.
- Where something is beyond the tolerance, the first layer that diverges is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from edge_sdk.convert.batches import BATCHES, make_batches
from edge_sdk.convert.diverge import first_divergence
from edge_sdk.convert.fit import Model
from edge_sdk.convert.parity.agreement import agree, task_of
from edge_sdk.convert.parity.inputs import Inputs
from edge_sdk.convert.parity.numbers import Difference, Tolerance, compare_outputs
from edge_sdk.convert.parity.report import TaskAgreement
from edge_sdk.convert.process import SourceProcess
from edge_sdk.convert.record import ConvertRequest, SourceFacts, SourceParity
from edge_sdk.convert.steps import allowed, compare_steps, steps_failure
from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.session import Session, host_config, open_session
from edge_sdk.tasks import ModelFacts, Task
from edge_sdk.tensors import Tensors

_LEAST_SNR_DB = 80.0


def prove(request: ConvertRequest, source: SourceProcess, model: Model, facts: SourceFacts) -> SourceParity:
    """Return how the ONNX model compares with its source.

    Args:
        request: What is asked.
        source: The source, opened.
        model: The ONNX model.
        facts: What is known of what happens before it, and of what it computes in.

    Raises:
        InputError: The model cannot be run, or the user's data do not fit.
    """
    session = open_session(model.SerializeToString(), host_config(), where=request.order.source)
    preprocess, tolerance = facts.preprocess or Preprocess(), allowed(request.tolerance, facts)
    groups = tuple(make_batches(request, session.inputs, facts))
    feeds = [feed for group in groups for feed in group.feeds]
    expected, got = source.run(feeds), [session.run(feed) for feed in feeds]
    _require_names(expected[0], session, request.order.source)
    outputs = compare_outputs(expected, got)
    judged = _judged(request, groups, tolerance)
    agreement = _agreement(_told_task(request, session, preprocess), groups, judged, expected=expected, got=got)
    steps = compare_steps(expected, got, facts.steps)
    floats = [one for one in outputs if one.output not in facts.steps]
    failure = _failure(floats, agreement, tolerance) or steps_failure(steps)
    first = ""
    if failure:
        worst = _worst(expected, got)
        least = tolerance.min_snr_db or _LEAST_SNR_DB
        first = first_divergence(model, source.layers(feeds[worst]), feeds[worst], min_snr_db=least)
    return SourceParity(
        inputs="; ".join(group.told for group in groups),
        batches=BATCHES if len(groups) - (request.inputs is not None) > 1 else BATCHES[:1],
        inputs_sha256=hashlib.sha256("".join(group.digest for group in groups).encode()).hexdigest(),
        outputs=outputs,
        agreement=agreement,
        tolerance=tolerance,
        failure=failure,
        first=first,
        steps=steps,
    )


def _require_names(expected: Tensors, session: Session, where: str) -> None:
    names = [spec.name for spec in session.outputs]
    if sorted(expected) != sorted(names):
        raise InputError(
            f"{where}: expected the outputs {', '.join(expected)}, got {', '.join(names)} from the exporter"
        )


def _told_task(request: ConvertRequest, session: Session, preprocess: Preprocess) -> Task | None:
    """Return the task that was told, or the one that the outputs tell; None where numbers alone are compared."""
    facts = ModelFacts(
        inputs=session.inputs,
        outputs=session.outputs,
        labels=len(request.labels),
        kind=request.task,
        head=request.head,
        input_wh=preprocess.image.size_wh if preprocess.image else None,
    )
    return task_of(facts)


def _judged(request: ConvertRequest, groups: Sequence[Inputs], tolerance: Tolerance) -> range:
    """Return which feeds' answers count: all, or where some may change those of the user's data.

    The answers to random numbers are near to each other, and rounding changes more of them than of any real ones.
    """
    total = sum(len(group.feeds) for group in groups)
    if tolerance.equal_share == 1:
        return range(total)
    return range(total - len(groups[-1].feeds), total) if request.inputs is not None else range(0)


def _agreement(
    task: Task | None, groups: Sequence[Inputs], judged: range, *, expected: Sequence[Tensors], got: Sequence[Tensors]
) -> TaskAgreement | None:
    """Return how far the answers agree on all batches of one that are judged."""
    if task is None:
        return None
    flat = [(feed, way) for group in groups for feed, way in zip(group.feeds, group.transforms, strict=True)]
    single = [i for i in judged if all(array.shape[:1] == (1,) for array in flat[i][0].values())]
    if not single:
        return None
    inputs = Inputs(tuple(flat[i][0] for i in single), tuple(flat[i][1] for i in single), "")
    told = agree(task, inputs, [expected[i] for i in single], [got[i] for i in single])
    return None if told.told else told


def _failure(outputs: Sequence[Difference], agreement: TaskAgreement | None, tolerance: Tolerance) -> str:
    for difference in outputs:
        if failure := tolerance.failure(difference):
            return f"{difference.output}: {failure}"
    if agreement is not None and agreement.agreement < tolerance.equal_share:
        return (
            f"{agreement.task}: expected {tolerance.equal_share:.2%} of the answers the same, "
            f"got {agreement.agreement:.2%} ({agreement.changed} of {agreement.samples} changed)"
        )
    return ""


def _worst(expected: Sequence[Tensors], got: Sequence[Tensors]) -> int:
    """Return the index of the batch whose outputs are furthest from those expected."""

    def distance(index: int) -> tuple[bool, float]:
        told = compare_outputs([expected[index]], [got[index]])
        return any(not one.comparable for one in told), -min(one.snr_db for one in told)

    return max(range(len(got)), key=distance)
