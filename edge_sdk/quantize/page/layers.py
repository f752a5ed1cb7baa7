"""What quantizing does to each layer: the noise that it adds, worst first, and the ranges of the worst as pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from edge_sdk.page import code, folded, table
from edge_sdk.quantize.layer_report import LayerRange, LayerReport, noise_share, worst_first

_ABOUT = (
    "Noise is the root mean square error of a layer's results beside their size, on a few calibration samples: what "
    "the layer adds itself, and all that has gathered there. What calibration saw of the values stands in brackets."
)
_ABOUT_BARS = "How often a value occurs, on a logarithmic scale; shaded is what the integers cover."
_SHOWN = 10
_WIDTH, _HEIGHT, _FLOOR = 320, 118, 88
_HEAD = ("layer", "noise it adds", "noise there", "share of the work", "range", "clipped", "weights")


def layers_section(layers: Sequence[LayerReport]) -> str:
    """Return all layers with the noise that they add, and the histograms of the worst."""
    ordered = worst_first(layers)
    most = max((noise_share(layer.added_db) for layer in layers if layer.added_db is not None), default=0.0)
    rows = [_row(layer, most) for layer in ordered]
    parts = [
        "<h3>Layers</h3>",
        f'<p class="soft">{escape(_ABOUT)}</p>',
        table(_HEAD, rows[:_SHOWN], about="layers that add most noise"),
    ]
    if rows[_SHOWN:]:
        title = f"all other {len(rows) - _SHOWN} layers"
        parts.append(folded(title, table(_HEAD, rows[_SHOWN:], about=title)))
    drawn = [_figure(layer, layer.range) for layer in ordered if layer.range is not None and layer.range.bars]
    if drawn:
        parts.append(f'<h3>Ranges of the worst layers</h3><p class="soft">{escape(_ABOUT_BARS)}</p>')
        parts.append(f'<div class="ranges">{"".join(drawn)}</div>')
    return "".join(parts)


def _row(layer: LayerReport, most: float) -> tuple[str, ...]:
    work = f"{layer.work:.2%}"
    name = f'{code(layer.name)} <span class="soft">{escape(layer.op)}{", in float" if layer.is_float else ""}</span>'
    weights = "" if layer.weights is None else f"{layer.weights[0]:.3g} to {layer.weights[1]:.3g}"
    if layer.range is None:
        return name, _level(layer.added_db, most), _share(layer.gathered_db), work, "", "", weights
    span = f'{_span(layer.range.low, layer.range.high)} <span class="soft">({_seen(layer.range)})</span>'
    clipped = f"{layer.range.clipped:.3%}"
    return name, _level(layer.added_db, most), _share(layer.gathered_db), work, span, clipped, weights


def _level(added_db: float | None, most: float) -> str:
    if added_db is None:
        return "not known"
    width = noise_share(added_db) / most if most else 0.0
    return f'<span class="level"><i style="width:{width:.1%}"></i></span>{_share(added_db)}'


def _share(snr_db: float | None) -> str:
    return "not known" if snr_db is None else f"{noise_share(snr_db):.2%}"


def _span(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


def _seen(told: LayerRange) -> str:
    return _span(told.seen_low, told.seen_high)


def _figure(layer: LayerReport, told: LayerRange) -> str:
    chosen = f"by {told.method}, " if told.method else ""
    words = (
        f"{told.of}: {chosen}{_span(told.low, told.high)}; seen {_seen(told)}; {told.clipped:.3%} clipped, "
        f"{told.zeros:.0%} exactly zero"
    )
    return (
        f"<figure>{_histogram(told, f'{layer.name}, {words}')}<figcaption>{code(layer.name)}<br>"
        f'<span class="soft">{escape(words)}</span></figcaption></figure>'
    )


def _histogram(told: LayerRange, label: str) -> str:
    low, high = told.ends

    def x(value: float) -> float:
        return 4 + (_WIDTH - 8) * (value - low) / (high - low or 1.0)

    band = f'<rect x="{x(told.low):.1f}" y="4" width="{x(told.high) - x(told.low):.1f}" height="{_FLOOR - 4}"'
    edges = "".join(
        f'<line x1="{x(end):.1f}" x2="{x(end):.1f}" y1="4" y2="{_FLOOR + 6}" stroke="var(--int)" stroke-width="1.5"/>'
        for end in (told.low, told.high)
    )
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}">'
        f'{band} fill="var(--band)"/>{"".join(_bars(told))}{edges}'
        f'<text x="4" y="{_HEIGHT - 8}">{low:.3g}</text><text x="{_WIDTH - 4}" y="{_HEIGHT - 8}" text-anchor="end">'
        f"{high:.3g}</text></svg>"
    )


def _bars(told: LayerRange) -> Iterator[str]:
    """Yield the bars; their heights are logarithms, since what is rare decides about a range."""
    (low, high), count = told.ends, len(told.bars)
    most = math.log1p(max(told.bars)) or 1.0
    width = (_WIDTH - 8) / count
    for i, number in enumerate(told.bars):
        middle = low + (high - low) * (i + 0.5) / count
        colour = "var(--soft)" if told.low <= middle <= told.high else "var(--warn)"
        height = (_FLOOR - 10) * math.log1p(number) / most
        if number:
            yield (
                f'<rect x="{4 + i * width:.1f}" y="{_FLOOR - height:.1f}" width="{max(width - 1, 0.5):.1f}" '
                f'height="{height:.1f}" fill="{colour}"/>'
            )
