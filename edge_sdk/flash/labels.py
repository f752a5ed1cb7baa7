"""A label for each board that was flashed: what it is called, where it belongs, and the same as a QR code.

- One file a board, `DEVICE.svg`, and one page to print, `labels.html`; no script in them, nothing loaded.
- There is no secret on a label: it may stick on the outside of a housing.
- QR codes are made by segno (ISO/IEC 18004), level M: read with up to 15 % of it damaged.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Formatter

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.extras import require

USUAL_TEXT = "edge-sdk:{fleet}/{device}"
PAGE = "labels.html"
_FIELDS = ("device", "fleet", "hostname", "board", "model")
_MAX_TEXT = 300
_WIDTH_MM, _HEIGHT_MM, _MARGIN_MM = 62, 29, 2
"""What label printers take: 62 by 29 mm."""
_CODE_MM = _HEIGHT_MM - 2 * _MARGIN_MM
_TEXT_MM = _WIDTH_MM - _CODE_MM - 3 * _MARGIN_MM
_NAME_MM, _LINE_MM = 3.6, 2.5
_EM = 0.62
"""A bold letter's width, by its height."""
_LETTERS = 22
"""A longer name takes two lines."""
_STYLE = (
    "body{margin:8mm;display:flex;flex-wrap:wrap;gap:4mm;background:#fff}"
    "svg{border:.2mm solid #ccc;break-inside:avoid}@media print{svg{border-color:transparent}}"
)


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a board.

    Attributes:
        device: Its name.
        fleet: The fleet that it is a member of; empty for none.
        hostname: Its name in the network; empty if it keeps the one it has.
        board: What kind of board it is, the title of its profile.
        model: NAME-VERSION of the model that it came with.
    """

    device: str
    fleet: str
    hostname: str
    board: str
    model: str

    def text(self, template: str) -> str:
        """Return what the QR code says.

        Args:
            template: Text with `{device}`, `{fleet}`, `{hostname}`, `{board}`, `{model}` in it.

        Raises:
            InputError: The template names something else, or is too long for a code that a phone reads.
        """
        check_template(template)
        said = template.format(**{name: getattr(self, name) for name in _FIELDS})
        if len(said.encode()) > _MAX_TEXT:
            raise InputError(f"--label-text: expected at most {_MAX_TEXT} bytes, got {len(said.encode())}")
        return said


def check_template(template: str) -> None:
    """Check a template before anything is flashed.

    Raises:
        InputError: It names something else than a label has, or is none.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as exc:
        raise InputError(f"--label-text: expected text with {{device}} in it, got {template[:80]!r}: {exc}") from exc
    for _, name, form, conversion in parts:
        if name is not None and (name not in _FIELDS or form or conversion):
            known = ", ".join(f"{{{field}}}" for field in _FIELDS)
            raise InputError(f"--label-text: expected {known}, got {{{name}}}")


def write_labels(folder: Path, labels: Sequence[Label], template: str = USUAL_TEXT) -> tuple[Path, ...]:
    """Write a label for each board, and the page of all of them.

    Args:
        folder: Where they go; made if it is not there.
        labels: The boards.
        template: What the QR codes say.

    Raises:
        InputError: segno is not installed, or the template is none.
        UnavailableError: The folder cannot be written.
    """
    drawn = [(label, _svg(label, template)) for label in labels]
    paths = []
    for label, svg in drawn:
        path = folder / f"{label.device}.svg"
        files.write_bytes(path, svg.encode())
        paths.append(path)
    page = folder / PAGE
    body = "\n".join(svg for _, svg in drawn)
    head = f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Labels</title><style>{_STYLE}</style>\n'
    files.write_bytes(page, f"{head}{body}\n</html>\n".encode())
    return (*paths, page)


def _svg(label: Label, template: str) -> str:
    size, path = _code(label.text(template))
    left = _MARGIN_MM + _CODE_MM + _MARGIN_MM
    names = _name_lines(label.device)
    name_mm = min(_NAME_MM / len(names) * 1.3, _NAME_MM, _TEXT_MM / (_EM * max(map(len, names))))
    told = [_cut(value) for value in (label.fleet, label.hostname, label.board, label.model) if value]
    rows = [(line, name_mm, 700) for line in names] + [(line, _LINE_MM, 400) for line in told]
    y_mm, drawn = float(_MARGIN_MM), ""
    for line, height_mm, weight in rows:
        y_mm += height_mm * 1.45
        drawn += (
            f'<text x="{left}" y="{y_mm:.2f}" font-size="{height_mm:.2f}" font-weight="{weight}">{escape(line)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_MM}mm" height="{_HEIGHT_MM}mm" '
        f'viewBox="0 0 {_WIDTH_MM} {_HEIGHT_MM}" font-family="sans-serif" role="img" '
        f'aria-label="{escape(label.device)}">'
        f'<rect width="{_WIDTH_MM}" height="{_HEIGHT_MM}" fill="#fff"/>'
        f'<g transform="translate({_MARGIN_MM} {_MARGIN_MM}) scale({_CODE_MM / size:.4f})">{path}</g>'
        f"{drawn}</svg>"
    )


def _code(text: str) -> tuple[int, str]:
    """Return the size of a QR code in modules with its quiet zone of four, and its path."""
    segno = require("segno", extra="flash", where="labels")
    code = segno.make(text, error="m", boost_error=False, micro=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=False, svgclass=None, lineclass=None, omitsize=True)
    drawn = out.getvalue().decode()
    return code.symbol_size()[0], drawn[drawn.index("<path") : drawn.rindex("</svg>")]


def _name_lines(name: str) -> tuple[str, ...]:
    half = -(-len(name) // 2)
    return (name,) if len(name) <= _LETTERS else (name[:half], name[half:])


def _cut(text: str) -> str:
    return text if len(text) <= 26 else text[:25] + "…"
