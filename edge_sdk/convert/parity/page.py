"""The comparison as one HTML page: a verdict, engines by outputs, and layers by engines, as heat maps.

The colour of a cell goes by the decade of its relative error; the number stands in it, for those who see no colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from edge_sdk.convert.parity.layers import ALL_AT_ONCE
from edge_sdk.convert.parity.numbers import Difference, Tolerance
from edge_sdk.convert.parity.report import LayerDifference, ParityReport, Row, Subject
from edge_sdk.page import code, document, folded, table

_EXACT, _WORST = -8.0, 0.0
"""Decades of the relative error between which the colour goes."""


def parity_page(report: ParityReport) -> str:
    """Return a comparison as an HTML document."""
    told = f"{len(report.rows)} comparisons by edge-sdk {report.edge_sdk} on {' '.join(report.host)}"
    parts = ['<div class="cards">', *(_card(report, subject) for subject in report.subjects), "</div>"]
    for subject in report.subjects:
        rows = [row for row in report.rows if row.variant == subject.variant]
        parts += [*_outputs(subject, rows), *_answers(subject, rows), *_layers(subject, rows), *_versions(rows)]
    return document(f"Parity of {report.model}", told, parts)


def _card(report: ParityReport, subject: Subject) -> str:
    rows = [row for row in report.rows if row.variant == subject.variant and row.engine != subject.oracle]
    failed, ran = [row for row in rows if row.failures], [row for row in rows if row.outcome == "ran"]
    tone, verdict = ("stop", "DIVERGES") if failed else ("ship", "AGREES") if ran else ("care", "NOTHING COMPARED")
    lines = [f"<li>{_diverges(row)}</li>" for row in failed]
    not_run = [f"<li>{escape(row.name)}: {escape(row.reason)}</li>" for row in rows if row.outcome != "ran"]
    oracle = f"{len(ran) - len(failed)} of {len(ran)} engines that ran agree with {escape(subject.oracle)}."
    reason = f'<p class="soft">{escape(subject.oracle_told)}</p>' if subject.oracle_told else ""
    dont = folded(f"{len(not_run)} engines gave nothing", f"<ul>{''.join(not_run)}</ul>") if not_run else ""
    return (
        f'<section class="card {tone}"><h2>{escape(subject.variant or report.model)}</h2>'
        f'<p class="verdict">{verdict}</p><p>{oracle}</p>{reason}<p class="soft">{escape(subject.inputs)}; '
        f"{escape(_in_words(subject.tolerance))}</p><ul>{''.join(lines)}</ul>{dont}</section>"
    )


def _in_words(tolerance: Tolerance) -> str:
    told = [] if tolerance.relative is None else [f"error at most {tolerance.relative:g} of an output's largest value"]
    told += [] if tolerance.min_snr_db is None else [f"at least {tolerance.min_snr_db:g} dB"]
    return "accepted: " + ", ".join(told)


def _diverges(row: Row) -> str:
    output, reason = next(iter(row.failures.items()))
    first = row.layers.first if row.layers is not None else None
    where = f"; first at {code(str(first))}" if first is not None else ""
    return f"<strong>{escape(row.name)}</strong>: {code(output)}: {escape(reason)}{where}"


def _outputs(subject: Subject, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the heat map of engines by outputs."""
    names = list(dict.fromkeys(one.output for row in rows for one in row.outputs))
    yield f"<h2>{escape(subject.variant or 'Outputs')}</h2><p>Relative error of each output, by engine.</p>"
    body = [
        (escape(row.engine), *(_cell(_of(row, name), subject.tolerance) for name in names))
        for row in rows
        if row.outcome == "ran"
    ]
    yield table(("engine", *names), body, about="relative error by engine and output")


def _of(row: Row, output: str) -> Difference | None:
    return next((one for one in row.outputs if one.output == output), None)


def _cell(difference: Difference | None, tolerance: Tolerance) -> str:
    if difference is None:
        return ""
    failure = tolerance.failure(difference)
    numbers = f"SNR {difference.snr_db:.1f} dB, cosine {difference.cosine:.7f}, {difference.equal_share:.2%} the same"
    mark = "✗ " if failure else ""
    title = escape("; ".join(filter(None, (failure, numbers, difference.told))), quote=True)
    return (
        f'<span title="{title}" style="display:block;padding:.1rem .4rem;border-radius:.25rem;'
        f'background:color-mix(in srgb,var(--bad) {_heat(difference):.0f}%,var(--card))">'
        f"{mark}{_number(difference)}</span>"
    )


def _number(difference: Difference) -> str:
    if not difference.comparable:
        return "other shape"
    if difference.not_finite:
        return "NaN"
    return f"{difference.relative:.1e}" if difference.relative else "0"


def _heat(difference: Difference) -> float:
    """Return how hot a cell is, 0 to 70 percent, so that its number can be read."""
    if not difference.comparable or difference.not_finite:
        return 70.0
    decade = math.log10(difference.relative) if difference.relative else _EXACT
    return 70.0 * min(1.0, max(0.0, (decade - _EXACT) / (_WORST - _EXACT)))


def _answers(subject: Subject, rows: Sequence[Row]) -> Iterator[str]:
    told = [(row.engine, row.agreement) for row in rows if row.agreement is not None and row.engine != subject.oracle]
    if told:
        body = [
            (escape(name), one.task, f"{one.agreement:.2%}", f"{one.changed} of {one.samples}", escape(one.told))
            for name, one in told
        ]
        yield "<h3>Answers</h3>"
        yield table(("engine", "task", "agreement", "samples changed", ""), body, about="answers by engine")


def _layers(subject: Subject, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the heat map of operators by engines."""
    found = {row.engine: row.layers for row in rows if row.layers is not None and row.layers.each}
    if not found:
        return
    by_tensor = {name: {one.layer.tensor: one for one in told.each} for name, told in found.items()}
    layers = list(dict.fromkeys(one.layer for told in found.values() for one in told.each))
    body = [
        (
            f'<span title="{escape(str(layer), quote=True)}">{escape(layer.op)} <small class="soft">'
            f"{escape(layer.node or layer.tensor)}</small></span>",
            *(_layer_cell(tensors.get(layer.tensor), subject.tolerance) for tensors in by_tensor.values()),
        )
        for layer in layers
    ]
    yield f'<h3>Operators</h3><p class="soft">In the order of execution; {ALL_AT_ONCE}.</p>'
    yield table(("operator", *by_tensor), body, about="relative error by operator and engine")


def _layer_cell(told: LayerDifference | None, tolerance: Tolerance) -> str:
    return "" if told is None else _cell(told.difference, tolerance)


def _versions(rows: Sequence[Row]) -> Iterator[str]:
    body = [
        (escape(row.engine), escape(", ".join(f"{name} {version}" for name, version in row.versions.items())))
        for row in rows
        if row.versions
    ]
    yield folded("Versions", table(("engine", "computes with"), body, about="versions of the engines"))
