"""benchmarks/parity.md: the engines' errors as a page; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge_sdk.convert.parity import ParityReport
from edge_sdk.convert.parity.report import Row
from scripts.benchmarks.tables import table

INTRODUCTION = """# One model, many engines

Made by `scripts/bench parity`, which compares each real model of the optional test assets (`EDGE_SDK_ASSETS`) on every
engine with ONNX's ReferenceEvaluator, on real samples. Each engine runs in a process and an environment of its own
([versions](peers/)). Figures are errors, which no load of the machine changes; all of them are in
[parity.json](parity.json), with digests and versions.

- **relative** is the largest error of all outputs over the largest value that the reference gives in that output, over
  all samples; **SNR** is the least of the outputs, in dB (200 is the same).
- **agreement** is that of the task's answers: first classes, or matched boxes.
- An error above 1e-3 is explained below its table. What an engine does not take is told in its own words.

"""
_FEW_LETTERS = 160


def page(reports: Mapping[str, ParityReport], because: Mapping[str, Mapping[str, str]], found: Sequence[str]) -> str:
    """Return the page.

    Args:
        reports: What was compared, by the model's name.
        because: Why an engine diverges, by model and engine.
        found: What was learned, a paragraph each.
    """
    lines: list[str] = [INTRODUCTION.rstrip(), "", *_overview(reports), "", "## What was found", ""]
    lines += [f"- {one}" for one in found]
    for name, report in reports.items():
        lines += ["", f"## {name}", "", *_section(report, because.get(name, {}))]
    return "\n".join(lines) + "\n"


def _overview(reports: Mapping[str, ParityReport]) -> Iterator[str]:
    engines = list(dict.fromkeys(row.engine for report in reports.values() for row in report.rows))
    yield "Largest relative error by model and engine; a dash is what an engine does not take.\n"
    yield from table(
        ("model", *engines), ((name, *(_short(report, one) for one in engines)) for name, report in reports.items())
    )


def _short(report: ParityReport, engine: str) -> str:
    row = next((row for row in report.rows if row.engine == engine), None)
    if row is None or row.outcome != "ran":
        return "-"
    told = error_of(row, ".0e")
    return f"**{told}**" if row.failures else told


def _section(report: ParityReport, because: Mapping[str, str]) -> Iterator[str]:
    (subject,) = report.subjects
    yield f"{subject.inputs.rsplit('/', 1)[-1]}; compared with {subject.oracle}."
    if subject.oracle_told:
        yield f"The reference does not run it ({subject.oracle_told[:_FEW_LETTERS]})."
    yield ""
    yield from table(
        ("engine", "relative", "max abs", "SNR dB", "agreement", "first operator beyond 1e-3"), map(_cells, report.rows)
    )
    diverging = [row.engine for row in report.failed]
    for engine in diverging:
        yield f"\n**{engine}**: {because.get(engine, 'not explained')}"


def _cells(row: Row) -> tuple[str, ...]:
    named = f"{row.engine} {next(iter(row.versions.values()), '')}".strip()
    if row.outcome != "ran":
        return (named, "-", "", "", "", f"{row.outcome}: {_plain(row.reason)}")
    first = row.layers.first if row.layers is not None else None
    agreement = "" if row.agreement is None or row.agreement.told else f"{row.agreement.agreement:.2%}"
    worst = max(one.max_abs for one in row.outputs)
    snr = min(one.snr_db for one in row.outputs)
    return (named, error_of(row, ".1e"), f"{worst:.1e}", f"{snr:.0f}", agreement, _plain(str(first or "")))


def error_of(row: Row, form: str) -> str:
    """Return the largest relative error of a row's outputs, or what is worse."""
    if not all(one.comparable for one in row.outputs):
        return "other shape"
    if any(one.not_finite for one in row.outputs):
        return "NaN"
    relative = max(one.relative for one in row.outputs)
    return f"{relative:{form}}" if relative else "0"


def _plain(text: str) -> str:
    """Return words that a table of Markdown can hold."""
    return text.replace("|", "/").replace("<", "&lt;").replace(">", "&gt;")[:_FEW_LETTERS]
