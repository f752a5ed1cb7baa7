"""The report as one HTML page that needs nothing else: who looks at it for a minute knows whether to ship.

A file for each part of the page; each takes records and returns markup, in which whatever came from outside is escaped.
There is no script, and nothing is loaded: pictures are data URIs and inline SVG.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_sdk.page import document
from edge_sdk.quantize.page.accuracy import accuracy_section
from edge_sdk.quantize.page.confusion import confusion_section
from edge_sdk.quantize.page.frontier import frontier_chart
from edge_sdk.quantize.page.layers import layers_section
from edge_sdk.quantize.page.origin import notes_section, origin_section
from edge_sdk.quantize.page.plan import arithmetic_section, plan_section
from edge_sdk.quantize.page.summary import summary
from edge_sdk.quantize.report import QuantReport, VariantReport


def report_page(report: QuantReport) -> str:
    """Return the report as an HTML document."""
    source = report.source
    told = f"{report.task} from {source.model}, measured on {source.evaluation_samples} samples of {source.evaluation}"
    parts = [
        summary(report),
        _contents(report),
        *(_variant(variant) for variant in report.variants),
        notes_section(report),
        origin_section(report),
    ]
    return document(f"{report.name} version {report.version}", told, parts)


def _contents(report: QuantReport) -> str:
    places = [variant.family for variant in report.variants]
    places += ["notes"] * bool(report.notes) + ["samples"] * bool(report.findings) + ["origin"]
    return "<nav>" + "".join(f'<a href="#{place}">{place}</a>' for place in places) + "</nav>"


def _variant(variant: VariantReport) -> str:
    return f'<section><h2 id="{variant.family}">{variant.family}</h2>{"".join(_parts(variant))}</section>'


def _parts(variant: VariantReport) -> Iterator[str]:
    yield accuracy_section(variant)
    if variant.changes is not None:
        yield confusion_section(variant.changes)
    yield from (plan_section(plan) for plan in variant.plans)
    if variant.frontier is not None:
        yield f"<h3>What else it could be</h3>{frontier_chart(variant.frontier)}"
    if variant.layers:
        yield layers_section(variant.layers)
    if variant.arithmetic is not None:
        yield arithmetic_section(variant.arithmetic)
