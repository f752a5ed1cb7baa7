"""From a float model to a package: the whole way, in order.

read and clean, choose samples, calibrate, then for each family: place, emit, measure, guard; preview; write.

- Nothing is written before everything holds; the package appears whole or not at all.
- The same inputs give the same bytes: no time of day, no duration, no random number is in the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge_sdk.errors import GateError, InputError
from edge_sdk.files import require_writable, sha256_of_files
from edge_sdk.profiles import DeviceProfile, Family
from edge_sdk.quantize import families
from edge_sdk.quantize.advice import Case, advise
from edge_sdk.quantize.arithmetic import tell_arithmetic
from edge_sdk.quantize.board_plan import PlanPreview, PlanSpeed
from edge_sdk.quantize.cache import Cache, Shelf
from edge_sdk.quantize.changes import Shown, tell_changes
from edge_sdk.quantize.choice import budget_for, choose_variants
from edge_sdk.quantize.clean import load_model
from edge_sdk.quantize.costs import modelled
from edge_sdk.quantize.doctor import examine
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.feed import Feed, choose_feeds
from edge_sdk.quantize.finding import CheckReport, Finding, finding_lines, require_sound
from edge_sdk.quantize.guard import AccuracyBudget
from edge_sdk.quantize.make import Made
from edge_sdk.quantize.material import Material, choose_material
from edge_sdk.quantize.measure import Evaluation, open_float, run_all
from edge_sdk.quantize.origin import program_versions, shown_name, tell_origin
from edge_sdk.quantize.packing import pack
from edge_sdk.quantize.preview import preview_bytes
from edge_sdk.quantize.report import Input, QuantReport, VariantReport, verdict
from edge_sdk.quantize.request import Progress, QuantRequest, silent
from edge_sdk.quantize.source import Source, check_cleaned, open_source
from edge_sdk.quantize.threshold import with_threshold
from edge_sdk.quantize.variants import Choice
from edge_sdk.quantize.workshop import Workshop
from edge_sdk.tasks import build_task


def quantize(
    request: QuantRequest, output: Path, *, progress: Progress = silent, tell: Callable[[str], None] = lambda _: None
) -> QuantReport:
    """Quantize a model for its boards within the accuracy budget, and write the package.

    Args:
        request: What is to be done.
        output: The package's file.
        progress: Shows what is being done.
        tell: Told what should be known before time is spent, a line each.

    Raises:
        InputError: The model, the data, the labels or a setting is wrong, or the data contradict the model.
        GateError: The budget cannot be held, or a board would compute less in integers than asked for.
        UnavailableError: The package cannot be written.
    """
    require_writable(output)
    source = open_source(request)
    material = choose_material(request, source)
    check_cleaned(request, source, next(iter(material.calibration)).tensors)
    choices = choose_variants(request, source.graph)
    _require_calibration(request, [choice.family for choice in choices.values()])
    findings = _examine(request, source, material, progress)
    for line in finding_lines(findings):
        tell(line)
    source = with_threshold(source, material, progress)
    if not request.trusts_data:
        require_sound(findings)
    evaluation = _evaluate(source, material, request.cache, progress)
    workshop = Workshop(
        request=request,
        feeds=choose_feeds(request, source, material, choices),
        own=Feed(source, material, {}),
        evaluation=evaluation,
        budget=budget_for(request, source.task),
        progress=progress,
    )
    made, choices = workshop.variants(choices)
    report = _report(workshop, made, choices, findings)
    pack(output, source, made, report)
    return report


def check_data(request: QuantRequest, *, progress: Progress = silent) -> CheckReport:
    """Return what is wrong with the samples of a quantization, which is not done.

    Args:
        request: What would be done.
        progress: Shows what is being done.

    Raises:
        InputError: The model, the data, the labels or a setting is wrong.
    """
    source = open_source(request)
    material = choose_material(request, source)
    check_cleaned(request, source, next(iter(material.calibration)).tensors)
    findings = _examine(request, source, material, progress)
    return CheckReport(len(material.calibration), len(material.evaluation), findings)


def _examine(request: QuantRequest, source: Source, material: Material, progress: Progress) -> tuple[Finding, ...]:
    findings = examine(load_model(request.model), source, material, progress=progress)
    return tuple(one for one in findings if request.calibration is not None or one.kind != "too-few")


def _require_calibration(request: QuantRequest, chosen: Sequence[Family]) -> None:
    """Check that there are samples where ranges must be calibrated.

    Raises:
        InputError: There are none.
    """
    static = [family for family in chosen if family in FORMS]
    if request.calibration is None and static:
        raise InputError(
            f"calibration: expected samples for the ranges of {', '.join(static)}, got none",
            hint="give --calibration DATA, or a scheme without calibrated ranges, such as --scheme dynamic",
        )


def _evaluate(source: Source, material: Material, cache: Cache, progress: Progress) -> Evaluation:
    samples = material.evaluation
    blank = Evaluation(source.task, samples, material.truths, (), Shelf(cache, samples.inputs))
    with progress("measuring the float model", len(material.evaluation)) as advance:
        reference = run_all(open_float(source.graph), blank, advance)
    if material.truths is not None:
        score = build_task(source.task).score(reference, material.truths)
        if score.value == 0:  # what is always wrong cannot get worse, and would be certified
            raise InputError(
                f"{material.describe}: expected labels that the float model meets, got {score.metric} of 0",
                hint="check the labels, the class names and the preprocessing",
            )
    return replace(blank, reference=reference)


def _report(
    workshop: Workshop, made: Sequence[Made], choices: Mapping[str, Choice], findings: tuple[Finding, ...]
) -> QuantReport:
    request, source, material = workshop.request, workshop.own.source, workshop.own.material
    notes, variants, advice = list(material.notes), [], []
    size_bytes = sum(file.stat().st_size for file in source.files)
    for variant in made:
        boards = [profile for profile in request.profiles if choices[profile.name].family == variant.family]
        notes += [f"{b.name}: {variant.family}, since {why}" for b in boards if (why := choices[b.name].reason)]
        notes += [f"{variant.family}: {joint.line}" for joint in variant.joints]
        plans = tuple(_preview(workshop, variant, board) for board in boards)
        notes += _shortfalls(request, workshop.budget, plans)
        _require_taken(plans)
        _require_fit(variant, boards)
        told = _variant_report(workshop, variant, plans, source_bytes=size_bytes)
        variants.append(replace(told, arithmetic=tell_arithmetic(variant.family, boards, variant.checks)))
        advice += [advise(Case(plan, variant.accuracy, workshop.budget, findings, material.notes)) for plan in plans]
    return QuantReport(
        name=request.package_name,
        version=request.version,
        task=source.task.kind,
        profiles=tuple(profile.name for profile in request.profiles),
        source=Input(
            model=shown_name(str(request.model)),
            model_sha256=sha256_of_files(source.files),
            model_bytes=size_bytes,
            calibration=shown_name(request.calibration or ""),
            calibration_samples=len(material.calibration) if request.calibration else 0,
            calibration_sha256=material.calibration.digest if request.calibration else "",
            evaluation=shown_name(material.describe),
            evaluation_samples=len(material.evaluation),
            labelled=material.truths is not None,
        ),
        budget=workshop.budget,
        variants=tuple(variants),
        notes=tuple(notes),
        versions=program_versions(),
        findings=findings,
        advice=tuple(sorted(advice, key=lambda one: list(choices).index(one.profile))),
        origin=tell_origin(request, source, material),
    )


def _variant_report(
    workshop: Workshop, variant: Made, plans: tuple[PlanPreview, ...], *, source_bytes: int
) -> VariantReport:
    accuracy, own, changes = variant.accuracy, workshop.own, None
    certified, words = (None, "the float model") if accuracy is None else verdict(accuracy, workshop.budget)
    if accuracy is not None:
        pictures = workshop.request.shows_pictures
        shown = Shown(own.material.evaluation, own.source.preprocess, own.source.class_names, pictures)
        changes = tell_changes(variant.departures, shown)
    return VariantReport(
        family=variant.family,
        size_bytes=len(variant.model),
        size_ratio=len(variant.model) / source_bytes,
        accuracy=accuracy,
        returned=variant.returned,
        plans=plans,
        certified=certified,
        verdict=words,
        ranges=variant.ranges,
        takes=variant.takes,
        frontier=variant.frontier,
        layers=variant.layers,
        changes=changes,
    )


def _shortfalls(request: QuantRequest, budget: AccuracyBudget, plans: Sequence[PlanPreview]) -> list[str]:
    """Return a note for each board that computes too little in integers; what was asked for expressly is a gate."""
    notes = []
    for plan in plans:
        if plan.family in families.IN_INTEGERS and plan.integer_share < budget.min_integer_share:
            notes.append(
                f"{plan.profile}: expected at least {budget.min_integer_share:.0%} of the work in integers, "
                f"got {plan.integer_share:.1%}"
            )
    if notes and request.min_integer_share is not None:
        raise GateError(notes[0], hint="edge-sdk plan shows what is in float, and why")
    return notes


def _require_taken(plans: Sequence[PlanPreview]) -> None:
    """Check that each board's engine takes the file.

    Raises:
        GateError: One would refuse it.
    """
    for plan in plans:
        refused = plan.found("refused")
        if refused:
            raise GateError(f"{plan.family} for {plan.profile}: {refused[0].message}", hint=refused[0].hint)


def _require_fit(variant: Made, boards: Sequence[DeviceProfile]) -> None:
    """Check that each board takes a model of this size.

    Raises:
        GateError: One does not.
    """
    for board in boards:
        if len(variant.model) > board.budget.model_bytes:
            raise GateError(
                f"{variant.family}: expected at most {board.budget.model_bytes} bytes for {board.name}, "
                f"got {len(variant.model)}"
            )


def _preview(workshop: Workshop, variant: Made, profile: DeviceProfile) -> PlanPreview:
    """Return what a board will execute, and how fast by the model of the board."""
    graph, own = workshop.graph_of(variant.family), workshop.own.source.graph
    costs = modelled(graph, profile, variant.family, own)
    time = costs.of(graph, variant.family, [layer.name for layer in variant.returned])
    speed = PlanSpeed(time, costs.exact, costs.unit, costs.basis)
    return replace(preview_bytes(variant.model, profile, variant.family, variant.reasons), speed=speed)
