"""The report as one HTML page that needs nothing else: who looks at it for a minute knows whether to ship."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from edge_sdk.package import Accuracy
from edge_sdk.quantize.arithmetic import Arithmetic, arithmetic_lines
from edge_sdk.quantize.board_plan import Island, PlanPreview
from edge_sdk.quantize.compare import drop_of
from edge_sdk.quantize.frontier_chart import frontier_chart
from edge_sdk.quantize.report import Input, QuantReport, VariantReport

_MOST_ROWS = 12
_CHART_WIDTH, _CHART_HEIGHT = 420, 68
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d7dde5; --paper: #fff; --good: #1a7f4b;
  --warn: #9a6700; --int: #2f6fde; --float: #b9c3d0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa7b8; --line: #303a48; --paper: #12171f;
  --good: #4cc38a; --warn: #e0b04c; --int: #6ea0ff; --float: #45505f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } p { margin: .3rem 0; } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; } th { font-weight: 600; color: var(--soft); }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; }
code { font-size: .9em; overflow-wrap: anywhere; }
.badge { font-weight: 600; } .good { color: var(--good); } .warn { color: var(--warn); }
.bar { display: flex; height: .9rem; border-radius: .3rem; overflow: hidden; background: var(--float);
  max-width: 420px; }
.bar i { background: var(--int); }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
"""


def report_page(report: QuantReport) -> str:
    """Return the report as an HTML document."""
    title = f"{escape(report.name)} version {report.version}"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f'<h1>{title}</h1><p class="soft">{escape(report.task)} · {escape(", ".join(report.profiles))}</p>',
            *_summary(report),
            *(line for variant in report.variants for line in _variant(variant, report)),
            *_notes(report),
            *_findings(report),
            *_origin(report),
            "</body></html>\n",
        ]
    )


def _summary(report: QuantReport) -> Iterable[str]:
    rows = []
    for variant in report.variants:
        share = min((plan.integer_share for plan in variant.plans), default=0.0)
        rows.append(
            (
                f'<a href="#{variant.family}">{variant.family}</a>',
                f"{variant.size_bytes / 1e6:.2f} MB ({variant.size_ratio:.1%})",
                _drop(variant.accuracy),
                f"{variant.accuracy.agreement:.1%}" if variant.accuracy else "",
                f"{share:.1%}",
                _badge(variant),
            )
        )
    return _table(("variant", "size", "accuracy lost", "agrees with float", "work in integers", "budget"), rows)


def _variant(variant: VariantReport, report: QuantReport) -> Iterable[str]:
    yield f'<h2 id="{variant.family}">{variant.family}</h2><p>{escape(variant.verdict)}</p>'
    if variant.accuracy is not None and variant.accuracy.drop_low is not None:
        yield _interval(variant.accuracy, report.budget.max_drop_points)
    if variant.takes:
        yield f'<p class="soft">Takes {escape(variant.takes)}.</p>'
    if variant.ranges:
        yield f'<p class="soft">Ranges by {escape(variant.ranges)}.</p>'
    if variant.returned:
        yield "<h3>Returned to float by the guard</h3>"
        rows = [(f"<code>{escape(x.name)}</code>", f"{x.noise:.2e}", f"{x.work:.2%}") for x in variant.returned]
        yield from _table(("layer", "noise alone", "share of the work"), rows)
    if variant.frontier is not None:
        yield "<h3>What else it could be</h3>" + frontier_chart(variant.frontier)
    for plan in variant.plans:
        yield from _plan(plan)
    if variant.arithmetic is not None:
        yield from _arithmetic(variant.arithmetic)


def _arithmetic(told: Arithmetic) -> Iterable[str]:
    yield "<h3>Arithmetic</h3>" + "".join(f"<p>{escape(line)}</p>" for line in arithmetic_lines(told))
    if told.layers:
        rows = [
            (f"<code>{escape(x.layer)}</code>", escape(x.kind), f"{x.results}", f"{x.worst_steps:.2f}")
            for x in told.layers
        ]
        yield from _table(("checked layer", "kind", "results", "steps from exact, at most"), rows)


def _plan(plan: PlanPreview) -> Iterable[str]:
    yield f"<h3>Plan on {escape(plan.profile)}</h3>"
    yield f'<div class="bar"><i style="width:{plan.integer_share:.2%}"></i></div>'
    yield (
        f"<p>{plan.shares}, which is {plan.macs / 1e6:.1f} million multiply-accumulates; "
        f"{plan.pairs} quantize and dequantize, {plan.transposes} transposes remain. "
        f'<span class="soft">{escape(plan.method)}</span></p>'
    )
    shown = [island for island in plan.islands if island.inside or island.work][:_MOST_ROWS]
    if shown:
        yield from _table(("in float", "operator", "share of the work", "why"), [_island(x) for x in shown])
    if plan.findings:
        rows = [(escape(x.severity), escape(x.message), escape(x.hint)) for x in plan.findings[:_MOST_ROWS]]
        yield from _table(("the board's engine", "expected and got", "what to do"), rows)


def _island(island: Island) -> tuple[str, ...]:
    return f"<code>{escape(island.name)}</code>", escape(island.op), f"{island.work:.2%}", escape(island.reason)


def _interval(accuracy: Accuracy, budget: float) -> str:
    """Return a picture of the drop, its interval and the budget."""
    low, high, drop = accuracy.drop_low or 0.0, accuracy.drop_high or 0.0, drop_of(accuracy) or 0.0
    ends = (min(low, -budget, 0.0), max(high, 2 * budget, 0.1))
    margin = 0.05 * (ends[1] - ends[0])

    def x(value: float) -> float:
        return _CHART_WIDTH * (value - ends[0] + margin) / (ends[1] - ends[0] + 2 * margin)

    middle = 28
    colour = "var(--good)" if high <= budget else "var(--warn)"
    return (
        f'<svg role="img" aria-label="drop {drop:+.2f}, interval {low:+.2f} to {high:+.2f}, budget {budget:g}" '
        f'width="{_CHART_WIDTH}" height="{_CHART_HEIGHT}">'
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="8" y2="48" stroke="var(--line)"/>'
        f'<line x1="{x(budget):.1f}" x2="{x(budget):.1f}" y1="8" y2="48" stroke="var(--ink)" stroke-dasharray="4 3"/>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="4"/>'
        f'<circle cx="{x(drop):.1f}" cy="{middle}" r="6" fill="{colour}"/>'
        f'<text x="{x(0):.1f}" y="62" text-anchor="middle">0</text>'
        f'<text x="{x(budget):.1f}" y="62" text-anchor="middle">budget {budget:g}</text></svg>'
    )


def _notes(report: QuantReport) -> Iterable[str]:
    if report.notes:
        yield "<h2>To know</h2>" + "".join(f"<p>{escape(note)}</p>" for note in report.notes)


def _findings(report: QuantReport) -> Iterable[str]:
    if report.findings:
        yield "<h2>About the samples</h2>"
        cells = ((one.place, one.says, one.evidence, one.hint) for one in report.findings)
        rows = [tuple(escape(cell) for cell in row) for row in cells]
        yield from _table(("", "found", "evidence", "what to do"), rows)


def _origin(report: QuantReport) -> Iterable[str]:
    source, budget = report.source, report.budget
    labelled = "labelled" if source.labelled else "without labels"
    rows = [
        ("model", f"{escape(source.model)}, {source.model_bytes} bytes, <code>{source.model_sha256}</code>"),
        ("calibration", _calibration(source)),
        ("measured on", f"{source.evaluation_samples} samples of {escape(source.evaluation)}, {labelled}"),
        (
            "budget",
            f"drop at most {budget.max_drop_points:g} points, agreement at least {budget.min_agreement:.1%}, "
            f"work in integers at least {budget.min_integer_share:.0%}",
        ),
        ("made by", escape(", ".join(f"{name} {version}" for name, version in report.versions.items()))),
    ]
    yield "<h2>How it was made</h2>"
    yield from _table(("", ""), rows)


def _calibration(source: Input) -> str:
    if not source.calibration_samples:
        return "none: no ranges were calibrated"
    of = escape(source.calibration)
    return f"{source.calibration_samples} samples of {of}, <code>{source.calibration_sha256}</code>"


def _drop(accuracy: Accuracy | None) -> str:
    drop = drop_of(accuracy) if accuracy is not None else None
    if accuracy is None or drop is None:
        return "not known"
    return f"{drop:+.2f} points of {accuracy.metric} ({accuracy.drop_low:+.2f} to {accuracy.drop_high:+.2f})"


def _badge(variant: VariantReport) -> str:
    if variant.accuracy is None:
        return "the float model"
    words = {
        True: ("good", "certified"),
        False: ("warn", "held, too few samples to certify"),
        None: ("warn", "no labels"),
    }
    kind, text = words[variant.certified]
    return f'<span class="badge {kind}">{text}</span>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "<table><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"
    for row in rows:
        yield (
            "<tr>"
            + "".join(f'<td class="number">{c}</td>' if i else f"<td>{c}</td>" for i, c in enumerate(row))
            + "</tr>"
        )
    yield "</table>"
