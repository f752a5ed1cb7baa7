"""What was done to a model, and whether to ship it: the record behind `report.json` and `report.html`."""

from __future__ import annotations

from dataclasses import dataclass

from edge_sdk.package import Accuracy
from edge_sdk.quantize.advice import Advice
from edge_sdk.quantize.arithmetic import Arithmetic
from edge_sdk.quantize.board_plan import Island, PlanPreview
from edge_sdk.quantize.changes import Changes
from edge_sdk.quantize.compare import drop_of, samples_to_certify
from edge_sdk.quantize.finding import Finding
from edge_sdk.quantize.frontier import Frontier, Point, agreement_of
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise
from edge_sdk.quantize.layer_report import LayerReport
from edge_sdk.quantize.origin import Origin

WHOLE_SHARE = 0.99
"""The share of the work in integers below which each operator in float is named, with its reason."""
REPORT_NAME = "report.json"
"""The report's name in a package."""


@dataclass(frozen=True, slots=True)
class Input:
    """What came in: the model and the samples.

    Attributes:
        model: File name of the float model.
        model_sha256: Its digest.
        model_bytes: Its size.
        calibration: Where the calibration samples come from.
        calibration_samples: How many there were; 0 where no ranges were calibrated.
        calibration_sha256: Their digest.
        evaluation: What was measured on.
        evaluation_samples: How many there were.
        labelled: Whether they have labels.
    """

    model: str
    model_sha256: str
    model_bytes: int
    calibration: str
    calibration_samples: int
    calibration_sha256: str
    evaluation: str
    evaluation_samples: int
    labelled: bool


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One variant.

    Attributes:
        family: Its family.
        size_bytes: Size of its ONNX file.
        size_ratio: That, divided by the float model's.
        accuracy: What was measured; None for the float model itself.
        returned: Layers that stay in float for their accuracy.
        plans: What each board will execute.
        certified: Whether the interval of the drop lies within the budget; None without labels.
        verdict: The same in words.
        ranges: How ranges were chosen; empty where there are none.
        takes: What it takes and why, in words; empty in reports made before there was a choice.
        arithmetic: With which arithmetic it was measured, and with which boards compute; None if not in integers.
        frontier: What else there was to choose from; None where nothing was.
        layers: What quantizing does to each layer, in the order of the model; empty of the float model.
        changes: The answers that changed; None of the float model.
    """

    family: str
    size_bytes: int
    size_ratio: float
    accuracy: Accuracy | None
    returned: tuple[LayerNoise, ...]
    plans: tuple[PlanPreview, ...]
    certified: bool | None
    verdict: str
    ranges: str = ""
    takes: str = ""
    arithmetic: Arithmetic | None = None
    frontier: Frontier | None = None
    layers: tuple[LayerReport, ...] = ()
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class QuantReport:
    """One quantization.

    Attributes:
        name: The package's name.
        version: Its version.
        task: What the model is for.
        profiles: Names of the boards.
        source: What came in.
        budget: What might be lost.
        variants: What came out.
        notes: What a user should know.
        versions: Of the programs that made it.
        findings: What the samples were warned of.
        advice: Whether to ship to each board; empty in reports made before there was advice.
        origin: All else that it takes to make the package again; None likewise.
    """

    name: str
    version: int
    task: str
    profiles: tuple[str, ...]
    source: Input
    budget: AccuracyBudget
    variants: tuple[VariantReport, ...]
    notes: tuple[str, ...]
    versions: dict[str, str]
    findings: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    origin: Origin | None = None


def verdict(accuracy: Accuracy, budget: AccuracyBudget) -> tuple[bool | None, str]:
    """Return whether the budget is certified, and the sentence that says so."""
    agreement = f"agrees with the float model on {accuracy.agreement:.1%} of {accuracy.samples} samples"
    drop = drop_of(accuracy)
    if drop is None or accuracy.drop_low is None or accuracy.drop_high is None:
        return None, f"{agreement}; no labels, so the loss in accuracy is not known"
    interval = f"95 % interval {accuracy.drop_low:+.2f} to {accuracy.drop_high:+.2f}"
    measured = (
        f"{accuracy.metric} {accuracy.float_value:.2f} to {accuracy.value:.2f}, drop {drop:+.2f} points ({interval})"
    )
    if accuracy.drop_high <= budget.max_drop_points:
        return True, f"{measured}: the budget of {budget.max_drop_points:g} points is certified; {agreement}"
    if drop > budget.max_drop_points:
        return False, (
            f"{measured}: {accuracy.samples} samples do not tell this from the budget of "
            f"{budget.max_drop_points:g} points; {agreement}"
        )
    needed = samples_to_certify(accuracy, budget.max_drop_points)
    more = f"; about {needed} would" if needed else ""
    return False, (
        f"{measured}: within the budget of {budget.max_drop_points:g} points, but {accuracy.samples} samples "
        f"are too few to certify it{more}; {agreement}"
    )


def _calibrated(source: Input) -> str:
    return f"calibrated on {source.calibration_samples} samples" if source.calibration_samples else "not calibrated"


def report_lines(report: QuantReport) -> list[str]:
    """Return the report as text for a terminal."""
    source = report.source
    lines = [
        f"{report.name} version {report.version}: {report.task}, "
        f"from {source.model} ({source.model_bytes / 1e6:.2f} MB)",
        f"{_calibrated(source)}, measured on {source.evaluation_samples} ({source.evaluation})",
    ]
    for told in report.advice:
        lines.append(f"{told.profile}: {told.verdict.upper()} {told.family}: {told.because}")
    for variant in report.variants:
        lines += [
            "",
            f"{variant.family}: {variant.size_bytes / 1e6:.2f} MB, {variant.size_ratio:.1%} of the float model",
        ]
        lines += [f"  {variant.verdict}", f"  takes {variant.takes}"]
        for plan in variant.plans:
            lines += [f"  {plan.profile}: {plan.shares}{_slow_words(plan)}", *map("    {}".format, _float_lines(plan))]
        if variant.arithmetic is not None and variant.arithmetic.layers:
            lines.append(f"  integer sums are exact on this machine ({len(variant.arithmetic.layers)} layers checked)")
        if variant.returned:
            names = ", ".join(layer.name for layer in variant.returned)
            share = sum(layer.work for layer in variant.returned)
            lines.append(f"  returned to float by the guard ({share:.1%} of the work): {names}")
        if variant.frontier is not None:
            lines += [f"  {line}" for line in frontier_lines(variant.frontier)]
    return lines + [f"note: {note}" for note in report.notes] + [f"note: {one.line}" for one in report.findings]


def frontier_lines(frontier: Frontier) -> list[str]:
    """Return the frontier as a short table for a terminal."""
    head = ("plan", "time", "gain", "agrees", "drop", "in float", "")
    rows = [head, *(_point_cells(frontier, point) for point in frontier.points)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [f"plans for {frontier.profile} ({frontier.basis}):", *table, f"taken, as {frontier.pick}: {frontier.why}"]


def _point_cells(frontier: Frontier, point: Point) -> tuple[str, ...]:
    drop = None if point.accuracy is None else drop_of(point.accuracy)
    return (
        point.family,
        f"{point.time:.3g} {frontier.unit}",
        f"{frontier.gain(point):.2f} x",
        f"{agreement_of(point):.1%}",
        "" if drop is None else f"{drop:+.2f}",
        "" if point.accuracy is None else f"{len(point.layers)} layers",
        "taken" if point is frontier.chosen else "" if point.holds else "beyond the budget",
    )


def _float_lines(plan: PlanPreview) -> list[str]:
    """Return what has work in float, a line for each reason, where less than 99 % of the work is in integers."""
    if plan.integer_share >= WHOLE_SHARE or not plan.integer_share:
        return []
    reasons: dict[str, list[Island]] = {}
    for island in plan.islands:
        if island.work:
            reasons.setdefault(island.reason, []).append(island)
    return [
        f"in float ({sum(one.work for one in found):.1%} of the work): {', '.join(one.name for one in found)}: {reason}"
        for reason, found in reasons.items()
    ]


def _slow_words(plan: PlanPreview) -> str:
    """Return how many places of a model the board's engine computes slowly; empty if none."""
    slow = plan.found("slow")
    return f"; slow in {len(slow)} places, first {slow[0].message}" if slow else ""
