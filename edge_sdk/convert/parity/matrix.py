"""Compares engines: each runs the same model on the same inputs, and is held against the oracle.

- The oracle is ONNX's ReferenceEvaluator; where it cannot run a model, onnxruntime without any optimization.
- What an engine refuses, where it crashes or hangs is a row with the reason: the others are compared all the same.
- The graph that is compared is the file's, with sizes fixed; what an engine then makes of it is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edge_sdk.convert.engines import NEXT_ORACLE, ORACLE
from edge_sdk.convert.engines.child import Feed
from edge_sdk.convert.engines.launch import Job, Places, Ran, check_engine, find_places, run_engine
from edge_sdk.convert.parity.agreement import agree
from edge_sdk.convert.parity.layers import LayerSearch, worst_sample
from edge_sdk.convert.parity.numbers import compare_outputs
from edge_sdk.convert.parity.report import ParityReport, Row, Subject
from edge_sdk.convert.parity.request import ParityRequest
from edge_sdk.convert.parity.subject import Opened, open_subjects
from edge_sdk.errors import GateError, InputError
from edge_sdk.profiles import read_cpu
from edge_sdk.version import __version__

Telling = Callable[[str], None]
_ALL_DIVERGE = "every engine is beyond the tolerance: at the operator that they name alike, the oracle may be wrong"


def compare_engines(request: ParityRequest, tell: Telling = lambda _: None) -> ParityReport:
    """Compare engines on a model or a package.

    Args:
        request: What to compare.
        tell: Called with the name of each row before it runs.

    Raises:
        InputError: The file is no model, the inputs do not fit, an engine is not known, or no oracle runs the model.
        TrustError: The package is not what its manifest says.
    """
    for name in request.engines:
        check_engine(name, request.table)
    places = find_places(request.pythons, request.table)
    names = request.engines or places.installed()
    digest, opened = open_subjects(request)
    subjects, rows = [], []
    for one in opened:
        comparison = _compare_one(request, places, one)
        subjects.append(comparison.subject)
        for name in names:
            tell(f"{one.variant} {name}".strip())
            rows.append(comparison.row(name))
    arch, features = read_cpu()
    return ParityReport(
        model=request.model.name,
        sha256=digest,
        host=(arch, *sorted(features)),
        seed=None if request.inputs is not None else request.seed,
        subjects=tuple(subjects),
        rows=tuple(rows),
        edge_sdk=__version__,
    )


def require_engines_agree(report: ParityReport) -> None:
    """Check that all engines that ran agree with the oracle.

    Raises:
        GateError: An output is beyond the tolerance; the message names the engine, the output and the first operator
            that diverges, a line each.
    """
    lines = list(_failures(report))
    if lines:
        hint = _ALL_DIVERGE if _all_diverge(report) else "--layers --html FILE shows every operator"
        raise GateError("\n".join(lines), hint=hint)


def _all_diverge(report: ParityReport) -> bool:
    """Tell whether several libraries ran, and all of them are beyond the tolerance: the oracle may be the one."""
    oracles = {subject.oracle for subject in report.subjects}
    others = [row for row in report.rows if row.outcome == "ran" and row.engine not in oracles]
    return len({next(iter(row.versions)) for row in others}) > 1 and all(row.failures for row in others)


def _failures(report: ParityReport) -> Iterator[str]:
    for row in report.failed:
        output, reason = next(iter(row.failures.items()))
        first = row.layers.first if row.layers is not None else None
        yield f"{row.name}: {output}: {reason}" + (f"; first at {first}" if first is not None else "")


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A model with what the oracle makes of it."""

    request: ParityRequest
    places: Places
    opened: Opened
    subject: Subject
    expected: Ran
    search: LayerSearch

    def row(self, name: str) -> Row:
        """Run an engine, and hold it against the oracle."""
        opened = self.opened
        ran = self.expected if name == self.subject.oracle else run_engine(name, self._job(), self.places)
        row = Row(opened.variant, name, ran.outcome, ran.reason, ran.versions)
        if ran.outcome != "ran":
            return row
        outputs = compare_outputs(self.expected.outputs, ran.outputs)
        failures = {one.output: reason for one in outputs if (reason := opened.tolerance.failure(one))}
        row = replace(row, outputs=outputs, failures=failures)
        if opened.task is not None and all(one.comparable for one in outputs):
            row = replace(row, agreement=agree(opened.task, opened.inputs, self.expected.outputs, ran.outputs))
        if name != self.subject.oracle and (failures or self.request.layers):
            sample = worst_sample(self.expected.outputs, ran.outputs)
            found = self.search.find(name, opened.inputs.feeds, sample, failures)
            row = replace(row, layers=found)
        return row

    def _job(self) -> Job:
        outputs = {name: array.shape for name, array in self.expected.outputs[0].items()}
        return Job(self.opened.model.SerializeToString(), _feeds(self.opened), outputs, self.request.limit_s)


def _compare_one(request: ParityRequest, places: Places, opened: Opened) -> _Comparison:
    """Run the oracle on a model.

    Raises:
        InputError: None runs it.
    """
    names = {output.name: () for output in opened.model.graph.output}
    job = Job(opened.model.SerializeToString(), _feeds(opened), names, request.limit_s)
    oracle, told, ran = ORACLE, "", run_engine(ORACLE, job, places)
    if ran.outcome != "ran":
        oracle, told, ran = NEXT_ORACLE, f"{ORACLE}: {ran.reason}", run_engine(NEXT_ORACLE, job, places)
    if ran.outcome != "ran":
        raise InputError(
            f"{request.model}: expected a model that {ORACLE} or {NEXT_ORACLE} runs, got {told}; {ran.reason}",
            hint="are the inputs sensible? --inputs FILE.npz gives others",
        )
    inputs = opened.inputs
    subject = Subject(opened.variant, opened.sha256, inputs.told, inputs.digest, oracle, told, opened.tolerance)
    search = LayerSearch(opened.model, oracle, places, tolerance=opened.tolerance, limit_s=request.limit_s)
    return _Comparison(request, places, opened, subject, ran, search)


def _feeds(opened: Opened) -> list[Feed]:
    return [dict(feed) for feed in opened.inputs.feeds]
