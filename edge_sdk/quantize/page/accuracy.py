"""What a variant loses: the drop with its interval beside the budget, in words and as a picture."""

from __future__ import annotations

from html import escape

from edge_sdk.package import Accuracy
from edge_sdk.page import code, table
from edge_sdk.quantize.compare import drop_of
from edge_sdk.quantize.report import VariantReport

_WIDTH, _HEIGHT = 420, 68
_MIDDLE = 24
_WORDS = 80
"""Width of the words below the picture."""


def accuracy_section(variant: VariantReport) -> str:
    """Return what was measured, what the variant takes, and what the guard returned to float."""
    parts = [f"<h3>Accuracy</h3><p>{escape(variant.verdict)}</p>"]
    if variant.takes:
        parts.append(f'<p class="soft">Takes {escape(variant.takes)}.</p>')
    if variant.ranges:
        parts.append(f'<p class="soft">Ranges by {escape(variant.ranges)}.</p>')
    if variant.returned:
        rows = [(code(layer.name), f"{layer.noise:.2e}", f"{layer.work:.2%}") for layer in variant.returned]
        head = ("layer", "noise at the outputs, alone in integers", "share of the work")
        parts.append("<h3>Returned to float by the guard</h3>" + table(head, rows, about="layers returned to float"))
    return "".join(parts)


def interval_picture(accuracy: Accuracy, budget: float) -> str:
    """Return a picture of the drop, its interval and the budget."""
    low, high, drop = accuracy.drop_low or 0.0, accuracy.drop_high or 0.0, drop_of(accuracy) or 0.0
    ends = (min(low, -budget, 0.0), max(high, 2 * budget, 0.1))
    margin = 0.08 * (ends[1] - ends[0])

    def x(value: float) -> float:
        return _WIDTH * (value - ends[0] + margin) / (ends[1] - ends[0] + 2 * margin)

    colour = "var(--good)" if high <= budget else "var(--warn)" if low <= budget else "var(--bad)"
    label = f"drop {drop:+.2f}, interval {low:+.2f} to {high:+.2f}, budget {budget:g}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}">'
        f'<rect x="0" y="8" width="{x(budget):.1f}" height="32" fill="var(--band)"/>'
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="8" y2="44" stroke="var(--soft)"/>'
        f'<line x1="{x(budget):.1f}" x2="{x(budget):.1f}" y1="8" y2="44" stroke="var(--ink)" stroke-dasharray="4 3"/>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{_MIDDLE}" y2="{_MIDDLE}" stroke="{colour}" '
        f'stroke-width="4"/><circle cx="{x(drop):.1f}" cy="{_MIDDLE}" r="6" fill="{colour}"/>'
        f"{_labels(x(0.0), x(budget), budget)}</svg>"
    )


def _labels(zero: float, limit: float, budget: float) -> str:
    """Return the words below the picture; the two stand apart however near their lines are."""
    is_at_the_edge = limit > _WIDTH - _WORDS
    anchor, words_start = ("end", limit - _WORDS) if is_at_the_edge else ("start", limit)
    told = f'<text x="{limit:.1f}" y="60" text-anchor="{anchor}">budget {budget:g}</text>'
    return told if words_start - zero < 1 else f'<text x="{zero:.1f}" y="60" text-anchor="end">0</text>{told}'
