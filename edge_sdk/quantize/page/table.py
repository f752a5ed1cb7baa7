"""Tables of HTML. Cells come as markup: whoever makes one escapes what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, about: str) -> str:
    """Return a table whose first column names its rows; on a narrow screen it scrolls by itself.

    Args:
        head: The names of the columns, as text.
        rows: Cells, as markup.
        about: What the table is of, for those who do not see it.
    """
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    label = escape(about)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def code(text: str) -> str:
    """Return a name of a model or a file as markup."""
    return f"<code>{escape(text)}</code>"


def folded(title: str, inner: str) -> str:
    """Return markup that opens on a click; on paper it is open."""
    return f"<details><summary>{escape(title)}</summary>{inner}</details>"


def _cells(row: Sequence[str]) -> str:
    first, *others = row
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others)
