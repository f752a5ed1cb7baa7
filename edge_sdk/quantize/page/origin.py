"""What should be known of the samples, and everything that it takes to make the package again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from html import escape

from edge_sdk.page import code, table
from edge_sdk.quantize.origin import Origin
from edge_sdk.quantize.report import Input, QuantReport


def notes_section(report: QuantReport) -> str:
    """Return the notes, and what the samples were warned of; empty if there is nothing."""
    parts = []
    if report.notes:
        parts.append('<h2 id="notes">To know</h2>' + "".join(f"<p>{escape(note)}</p>" for note in report.notes))
    if report.findings:
        cells = ((one.place, one.says, one.evidence, one.hint) for one in report.findings)
        rows = [tuple(escape(cell) for cell in row) for row in cells]
        head = ("samples", "found", "evidence", "what to do")
        parts.append(
            '<h2 id="samples">About the samples</h2>' + table(head, rows, about="what was found in the samples")
        )
    return "".join(parts)


def origin_section(report: QuantReport) -> str:
    """Return how the package was made, and the command that makes it again."""
    rows = [(name, told) for name, told in (*_input(report), *_more(report.origin)) if told]
    parts = ['<h2 id="origin">How it was made</h2>', table(("what", "which"), rows, about="what it was made from")]
    if report.origin is not None:
        parts.append("<h3>To make it again</h3>")
        parts.append(f"<pre>{escape(shlex.join(report.origin.command))}</pre>")
        if report.origin.preprocess:
            parts.append(f"<p><code>preprocess.toml</code>:</p><pre>{escape(report.origin.preprocess)}</pre>")
    return "".join(parts)


def _input(report: QuantReport) -> Iterator[tuple[str, str]]:
    source, budget = report.source, report.budget
    yield "model", f"{escape(source.model)}, {source.model_bytes} bytes, {code(source.model_sha256)}"
    yield "calibration", _calibration(source)
    labelled = "labelled" if source.labelled else "without labels"
    yield "measured on", f"{source.evaluation_samples} samples of {escape(source.evaluation)}, {labelled}"
    yield (
        "budget",
        f"drop at most {budget.max_drop_points:g} points, agreement at least {budget.min_agreement:.1%}, "
        f"work in integers at least {budget.min_integer_share:.0%}",
    )
    yield "made by", escape(", ".join(f"{name} {version}" for name, version in report.versions.items()))


def _more(origin: Origin | None) -> Iterator[tuple[str, str]]:
    if origin is None:
        return
    yield "machine", escape(origin.machine)
    yield "seed", f'{origin.seed} <span class="soft">of the resamples behind intervals; nothing else is drawn</span>'
    yield "measured samples", code(origin.evaluation_sha256)
    yield "labels", code(origin.labels_sha256) if origin.labels_sha256 else ""
    for name, digest in origin.profiles.items():
        yield f"profile {escape(name)}", code(digest)


def _calibration(source: Input) -> str:
    if not source.calibration_samples:
        return "none: no ranges were calibrated"
    of = escape(source.calibration)
    return f"{source.calibration_samples} samples of {of}, {code(source.calibration_sha256)}"
