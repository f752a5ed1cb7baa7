"""The frontier as a picture and a table of HTML: what each plan takes, how far it agrees, and which one is taken.

The picture is an inline SVG; it takes its colours from the page (`--ink`, `--soft`, `--line`, `--good`, `--int`).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from edge_sdk.page import table
from edge_sdk.quantize.compare import drop_of
from edge_sdk.quantize.frontier import Frontier, Point, agreement_of

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 16, 40
_TICKS = 4
_LEAST_LOSS = 0.005
"""Least disagreement that the picture spans, so that plans which all agree lie on one line."""


def frontier_chart(frontier: Frontier) -> str:
    """Return the frontier as a figure: the picture, its legend, and the figures as a table."""
    return "".join(
        [
            f'<figure class="frontier">{_picture(frontier)}<figcaption class="soft">',
            f"Time on {escape(frontier.profile)}, {escape(frontier.basis)}. ",
            f"Taken, as {escape(frontier.pick)}: {escape(frontier.why)}.</figcaption></figure>",
            _table(frontier),
        ]
    )


def _picture(frontier: Frontier) -> str:
    slowest = 1.05 * max(point.time for point in frontier.points) or 1.0
    loss = max(_LEAST_LOSS, 1.1 * max(1.0 - agreement_of(point) for point in frontier.points))

    def x(time: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * time / slowest

    def y(agreement: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1.0 - agreement) / loss

    path = " ".join(f"{x(point.time):.1f},{y(agreement_of(point)):.1f}" for point in _reasonable(frontier))
    marks = "".join(_mark(frontier, point, x(point.time), y(agreement_of(point))) for point in frontier.points)
    label = f"{len(frontier.points)} plans, time against agreement with float; the one taken is marked"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'style="max-width:100%">{"".join(_axes(frontier, slowest, loss))}'
        f'<polyline points="{path}" fill="none" stroke="var(--int)" stroke-width="1.5"/>{marks}</svg>'
    )


def _reasonable(frontier: Frontier) -> Iterable[Point]:
    return (point for point in frontier.points if point.holds)


def _axes(frontier: Frontier, slowest: float, loss: float) -> Iterable[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for i in range(_TICKS + 1):
        x = _LEFT + (right - _LEFT) * i / _TICKS
        y = _TOP + (bottom - _TOP) * i / _TICKS
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="var(--line)"/>'
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{slowest * i / _TICKS:.3g}</text>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{1 - loss * i / _TICKS:.1%}</text>'
    yield f'<text x="{right}" y="{_HEIGHT - 6}" text-anchor="end">time ({escape(frontier.unit)})</text>'
    yield f'<text x="{_LEFT}" y="{_TOP - 4}">agreement with float</text>'


def _mark(frontier: Frontier, point: Point, x: float, y: float) -> str:
    taken = point is frontier.chosen
    colour = "var(--good)" if taken else "var(--int)" if point.holds else "var(--warn)"
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="{colour}" stroke-width="2"/>' if taken else ""
    title = f"{point.family}, {len(point.layers)} layers in float: {point.time:.3g} {frontier.unit}"
    return (
        f"<g><title>{escape(title)}, {agreement_of(point):.1%}</title>{ring}"
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/></g>'
    )


def _table(frontier: Frontier) -> str:
    head = ("plan", "time", "times as fast as float", "size", "agrees with float", "accuracy lost", "in float", "state")
    rows = [[escape(cell) for cell in _cells(frontier, point)] for point in frontier.points]
    return table(head, rows, about=f"plans for {frontier.profile}")


def _cells(frontier: Frontier, point: Point) -> tuple[str, ...]:
    measured = point.accuracy
    drop = drop_of(measured) if measured is not None else None
    interval = "" if measured is None or drop is None else f" ({measured.drop_low:+.2f} to {measured.drop_high:+.2f})"
    return (
        point.family,
        f"{point.time:.3g} {frontier.unit}",
        f"{frontier.gain(point):.2f}",
        "" if point.size_bytes is None else f"{point.size_bytes / 1e6:.2f} MB",
        f"{agreement_of(point):.1%}",
        "" if drop is None else f"{drop:+.2f}{interval}",
        "" if measured is None else f"{len(point.layers)} layers",
        "taken" if point is frontier.chosen else "" if point.holds else "beyond the budget",
    )
