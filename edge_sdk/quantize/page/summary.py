"""The first screen: for each board whether to ship, why, and the figures that decide."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from edge_sdk.package import Accuracy
from edge_sdk.quantize.advice import Advice, Verdict
from edge_sdk.quantize.compare import drop_of
from edge_sdk.quantize.page.accuracy import interval_picture
from edge_sdk.quantize.report import QuantReport, VariantReport

_TONES: dict[Verdict, str] = {"ship": "ship", "ship with care": "care", "do not ship": "stop"}


def summary(report: QuantReport) -> str:
    """Return a card for each board."""
    variants = {variant.family: variant for variant in report.variants}
    cards = "".join(_card(advice, variants[advice.family], report) for advice in report.advice)
    return f'<div class="cards">{cards}</div>'


def _card(advice: Advice, variant: VariantReport, report: QuantReport) -> str:
    figures = "".join(f"<dt>{name}</dt><dd>{told}</dd>" for name, told in _figures(advice, variant, report))
    more = "".join(f"<li>{escape(reason)}</li>" for reason in advice.reasons[1:])
    family = f'<a href="#{advice.family}">{advice.family}</a>'
    return (
        f'<section class="card {_TONES[advice.verdict]}"><h2>{escape(advice.profile)} · {family}</h2>'
        f'<p class="verdict">{advice.verdict.upper()}</p><p>{escape(advice.because)}</p>'
        f"{_picture(variant.accuracy, report)}<dl>{figures}</dl>{f'<ul>{more}</ul>' if more else ''}</section>"
    )


def _picture(accuracy: Accuracy | None, report: QuantReport) -> str:
    is_known = accuracy is not None and accuracy.drop_low is not None
    return interval_picture(accuracy, report.budget.max_drop_points) if accuracy is not None and is_known else ""


def _figures(advice: Advice, variant: VariantReport, report: QuantReport) -> Iterator[tuple[str, str]]:
    accuracy, budget = variant.accuracy, report.budget
    drop = drop_of(accuracy) if accuracy is not None else None
    if accuracy is not None and drop is not None:
        interval = f"({accuracy.drop_low:+.2f} to {accuracy.drop_high:+.2f}; budget {budget.max_drop_points:g})"
        yield "accuracy lost", f"{drop:+.2f} points of {escape(accuracy.metric)} <small>{interval}</small>"
    elif accuracy is not None:
        yield "accuracy lost", "not known <small>(no labels)</small>"
    if accuracy is not None:
        yield "agrees with float", f"{accuracy.agreement:.1%} <small>of {accuracy.samples} samples</small>"
    size = f"{variant.size_bytes / 1e6:.2f} MB <small>({variant.size_ratio:.0%} of the float model)</small>"
    yield "size", size
    if advice.gain is not None:
        yield "speed", f"{advice.gain:.2f} times float <small>(modelled)</small>"
    plan = next((plan for plan in variant.plans if plan.profile == advice.profile), None)
    if plan is not None:
        half = f" <small>({plan.half_share:.1%} in float16)</small>" if plan.half_share else ""
        yield "work in integers", f"{plan.integer_share:.1%}{half}"
