"""The answers that changed: what became what, and samples that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from edge_sdk.page import table
from edge_sdk.quantize.changes import Answer, Changes, Effect, Example

_EFFECTS: dict[Effect, tuple[str, str]] = {
    "lost": ("bad", "now wrong"),
    "won": ("good", "now right"),
    "neither": ("soft", "wrong both times"),
    "unknown": ("", ""),
}
_SHOWN_ANSWERS = 3
_LEGEND = (
    "Solid boxes are those of the float model, dashed ones this variant alone reports; red is now wrong, green is now "
    "right. A score in brackets is that of a box below the threshold."
)


def confusion_section(changes: Changes) -> str:
    """Return the answers that changed as a table, and samples with their pictures."""
    parts = ["<h3>Answers that changed</h3>", f"<p>{escape(_in_words(changes))}</p>"]
    if changes.pairs:
        rows = [
            (_named(pair.before), _named(pair.after), f"{pair.count}", *_counts(changes, pair.lost, pair.won))
            for pair in changes.pairs
        ]
        judged = ("now wrong", "now right") if changes.lost is not None else ()
        parts.append(table(("float model", "this variant", "times", *judged), rows, about="answers that changed"))
    if changes.examples:
        if any(answer.box is not None for example in changes.examples for answer in example.answers):
            parts.append(f'<p class="soft">{_LEGEND}</p>')
        parts.append(f'<div class="samples">{"".join(_figure(example) for example in changes.examples)}</div>')
    if changes.examples and not any(example.picture or example.window for example in changes.examples):
        parts.append('<p class="soft">The samples themselves are not shown.</p>')
    return "".join(parts)


def _in_words(changes: Changes) -> str:
    if not changes.pairs and changes.examples:
        return f"There are no classes to confuse. Of {changes.samples} samples these agree least with the float model."
    if not changes.pairs:
        return f"None: all {changes.samples} samples are answered alike."
    told = f"On {changes.changed} of {changes.samples} samples an answer is not the float model's."
    if changes.lost is None or changes.won is None:
        return f"{told} Without labels, nobody knows which of the two is right."
    return f"{told} {changes.lost} answers were right and are wrong now; {changes.won} were wrong and are right now."


def _counts(changes: Changes, lost: int, won: int) -> Sequence[str]:
    return () if changes.lost is None else (f"{lost}", f"{won}")


def _named(name: str) -> str:
    return escape(name) if name else '<span class="soft">nothing</span>'


def _figure(example: Example) -> str:
    lines = [_answer(answer) for answer in example.answers[:_SHOWN_ANSWERS]]
    if len(example.answers) > _SHOWN_ANSWERS:
        lines.append(f'<span class="soft">and {len(example.answers) - _SHOWN_ANSWERS} more</span>')
    if not example.answers:
        lines.append(f"agrees by {example.agreement:.1%}")
    if example.truth:
        lines.append(f'<span class="soft">true: {escape(example.truth)}</span>')
    lines.append(f'<span class="soft">{escape(example.sample)}</span>')
    return f"<figure>{_picture(example)}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _answer(answer: Answer) -> str:
    tone, words = _EFFECTS[answer.effect]
    judged = f' <span class="{tone}">{words}</span>' if words else ""
    before, after = _scored(answer.before, answer.before_score), _scored(answer.after, answer.after_score)
    return f"{before} → {after}{judged}"


def _scored(name: str, score: float) -> str:
    if name:
        return f"{escape(name)} {score:.2f}"
    return f'{_named(name)} <span class="soft">({score:.2f})</span>' if score else _named(name)


def _picture(example: Example) -> str:
    if example.picture:
        alt = escape(f"{example.sample}, as the model sees it")
        return f'<div class="seen"><img alt="{alt}" src="{escape(example.picture)}">{_boxes(example)}</div>'
    return _window(example) if example.window else ""


def _boxes(example: Example) -> str:
    drawn = "".join(_rectangle(answer) for answer in example.answers if answer.box is not None)
    shape = 'viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true"'
    return f"<svg {shape}>{drawn}</svg>" if drawn else ""


def _rectangle(answer: Answer) -> str:
    left, top, right, bottom = answer.box or (0.0, 0.0, 0.0, 0.0)
    dashes = "" if answer.before else ' stroke-dasharray="4 3"'
    colour = {"lost": "#ff5449", "won": "#3ddc84"}.get(answer.effect, "#ffc93c")
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{right - left:.4g}" height="{bottom - top:.4g}" fill="none" '
        f'stroke="{colour}" stroke-width="2" vector-effect="non-scaling-stroke"{dashes}/>'
    )


def _window(example: Example) -> str:
    """Return a sensor's window as a line."""
    points = " ".join(_points(example.window))
    alt = escape(f"{example.sample}, as the model sees it")
    return (
        f'<svg role="img" aria-label="{alt}" viewBox="0 0 160 56" width="160"><polyline points="{points}" fill="none" '
        f'stroke="var(--int)"/></svg>'
    )


def _points(values: Sequence[float]) -> Iterator[str]:
    low, high = min(values), max(values)
    for i, value in enumerate(values):
        x = 2 + 156 * i / max(len(values) - 1, 1)
        yield f"{x:.1f},{54 - 52 * (value - low) / (high - low or 1.0):.1f}"
