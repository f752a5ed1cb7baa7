"""What pages of HTML are made of: their look, their frame, and tables.

- A page needs nothing else: no script, nothing loaded; light and dark, wide and narrow, on a screen and on paper.
- Cells and parts come as markup: whoever makes one escapes what it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --soft: #566173; --line: #d9dfe7; --paper: #fff; --card: #f6f8fb;
  --good: #14713f; --warn: #8a5a00; --bad: #b3261e; --int: #2f6fde; --float: #bcc6d3; --band: #2f6fde22; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf3; --soft: #9fabbb; --line: #2f3947; --paper: #11161d;
  --card: #18202a; --good: #4cc38a; --warn: #e5b454; --bad: #ff8a80; --int: #74a5ff; --float: #475262;
  --band: #74a5ff2e; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 68rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .3rem; }
p { margin: .3rem 0; max-width: 48rem; } ul { margin: .3rem 0; padding-left: 1.2rem; } .soft { color: var(--soft); }
a { color: var(--int); } nav { margin: .6rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
code, pre { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--card); border-radius: .4rem; padding: .6rem .8rem; white-space: pre-wrap; margin: .4rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--soft); } tbody th { color: var(--ink); font-weight: 400; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  margin: 1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-left: .4rem solid var(--tone);
  border-radius: .6rem; padding: .9rem 1.1rem; break-inside: avoid; }
.card h2 { border: 0; padding: 0; margin: 0; font-size: 1.05rem; }
.verdict { font-size: 1.3rem; font-weight: 700; letter-spacing: .02em; color: var(--tone); margin: 0; }
.ship { --tone: var(--good); } .care { --tone: var(--warn); } .stop { --tone: var(--bad); }
.card dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .7rem 0 .2rem; }
.card dt { color: var(--soft); } .card dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.card dd small { font-weight: 400; color: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.bar { display: flex; height: .9rem; border-radius: .3rem; overflow: hidden; background: var(--float);
  max-width: 30rem; } .bar i { background: var(--int); }
.level { display: inline-block; width: 6rem; height: .6rem; border-radius: .2rem; background: var(--line);
  overflow: hidden; margin-right: .5rem; } .level i { display: block; height: 100%; background: var(--int); }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem .8rem;
  margin: .6rem 0; }
.ranges { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; min-width: 0; } figcaption { font-size: .88rem; overflow-wrap: anywhere; }
.seen { position: relative; } .seen img { display: block; width: 100%; border-radius: .3rem; }
.seen svg { position: absolute; inset: 0; width: 100%; height: 100%; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
summary { cursor: pointer; color: var(--int); margin: .4rem 0; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } a { color: inherit; } nav { display: none; }
  .wide { overflow: visible; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; block-size: auto; } }
"""


def document(title: str, told: str, parts: Iterable[str]) -> str:
    """Return a whole HTML document.

    Args:
        title: Its title, as text.
        told: The line below the title, as text.
        parts: What follows, as markup.
    """
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f'<header><h1>{escape(title)}</h1><p class="soft">{escape(told)}</p></header><main>',
            *parts,
            "</main></body></html>\n",
        ]
    )


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
