"""The calibration doctor: what is wrong with samples is said, with its evidence, before time is spent on them.

- It looks for copies, for samples that are blank, for calibration samples among those that are measured on, for labels
  of one class only, for too few samples, and for pixels read otherwise than the model was trained with.
- It takes seconds. What it looks at depends on the inputs alone: findings are part of the report, which is the same
  each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_sdk.quantize.coverage import halves_differ
from edge_sdk.quantize.finding import Finding
from edge_sdk.quantize.graph import Graph, Model
from edge_sdk.quantize.looks import Look, find_copies, find_shared, look_at
from edge_sdk.quantize.material import Material
from edge_sdk.quantize.misread import misread_findings
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.source import Source

_MOST_LOOKS = 256
_FEW, _ENOUGH = 16, 48
_COPIES_SHARE = 0.05
_LARGE_DIFFERENCE = 0.15
_NAMED = 3


def examine(original: Model, source: Source, material: Material, *, progress: Progress) -> tuple[Finding, ...]:
    """Return what is wrong with the samples of a quantization, what refuses first.

    Args:
        original: The model as its file has it, with what cleaning folds away.
        source: The cleaned model.
        material: The samples.
        progress: Shows what is being done.

    Raises:
        InputError: A sample cannot be read, or does not fit the model.
    """
    steps, measured = source.preprocess.image, material.evaluation.spread(_MOST_LOOKS)
    with progress("looking at the samples", len(material.calibration) + len(measured)) as advance:
        looks: list[Look] = []
        others: list[Look] = []
        for samples, kept in ((material.calibration, looks), (measured, others)):
            for item in samples:
                kept.append(look_at(item, steps))
                advance(1)
    found = [
        *_blank(looks, "calibration"),
        *_copies(looks),
        *_leakage(looks, others),
        *_one_class(material),
        *_too_few(source.graph, material, progress),
        *misread_findings(original, source, material, progress),
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity != "refuse"))


def _blank(looks: Sequence[Look], place: str) -> Iterator[Finding]:
    blank = [look for look in looks if look.is_flat]
    if blank:
        yield Finding(
            kind="blank",
            severity="refuse" if len(blank) == len(looks) else "warn",
            place=place,
            says=f"expected samples with something in them, got {len(blank)} of {len(looks)} with one value all over",
            evidence=_named(look.name for look in blank),
            hint="take out what shows nothing: a covered lens, a failed recording",
        )


def _copies(looks: Sequence[Look]) -> Iterator[Finding]:
    copies = [pair for pair in find_copies(looks) if not pair[0].is_flat]
    if len(copies) >= max(2, _COPIES_SHARE * len(looks)):
        yield Finding(
            kind="duplicates",
            severity="warn",
            place="calibration",
            says=f"expected samples that differ, got {len(copies)} of {len(looks)} that are copies of others",
            evidence=_named(f"{copy.name} looks like {first.name}" for copy, first in copies),
            hint="more samples of the same teach nothing: take others, of a video frames further apart",
        )


def _leakage(looks: Sequence[Look], measured: Sequence[Look]) -> Iterator[Finding]:
    shared = [pair for pair in find_shared(looks, measured) if not pair[0].is_flat]
    if shared:
        yield Finding(
            kind="leakage",
            severity="warn",
            place="evaluation",
            says="expected samples that calibration has not seen, "
            f"got {len(shared)} of the {len(measured)} looked at that it has",
            evidence=_named(f"{one.name} looks like {calibrated.name}" for one, calibrated in shared),
            hint="what is measured flatters the variant: keep copies out of one of the two",
        )


def _one_class(material: Material) -> Iterator[Finding]:
    truths = material.truths or ()
    if len(truths) > 1 and all(isinstance(truth, int) and truth == truths[0] for truth in truths):
        yield Finding(
            kind="one-class",
            severity="warn",
            place="labels",
            says=f"expected samples of several classes, got class {truths[0]} only",
            evidence=f"{len(truths)} labels",
            hint="what the other classes lose is not seen: add samples of each",
        )


def _too_few(graph: Graph, material: Material, progress: Progress) -> Iterator[Finding]:
    count = len(material.calibration)
    if count > _ENOUGH:
        return
    evidence, difference = f"{count} samples", 0.0
    if count > 1:
        with progress("comparing the halves of the samples", count) as advance:
            difference = halves_differ(graph, [item.tensors for item in material.calibration], advance)
        evidence += f"; the ranges of their two halves differ by {difference:.0%} in the median tensor"
    if count < _FEW or difference > _LARGE_DIFFERENCE:
        yield Finding(
            kind="too-few",
            severity="warn",
            place="calibration",
            says=f"expected {_FEW} samples or more, and ranges that hold for others, got ranges that may not",
            evidence=evidence,
            hint="100 to 200 samples like those that the board will see do",
        )


def _named(names: Iterator[str]) -> str:
    told = list(names)
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more
