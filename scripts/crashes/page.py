"""What came of it, as a table: by kind of fault, and by the stage of the update that was on the disk."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from scripts.crashes.fault import Fault

_PAGE = Path(__file__).parents[2] / "benchmarks" / "crashlab.md"
_MARKS = ("<!-- faults -->", "<!-- end of faults -->")


def table(faults: Sequence[Fault]) -> str:
    """Return both tables, in Markdown."""
    by_kind = _rows("Fault", faults, lambda fault: fault.kind.partition(":")[0])
    by_stage = _rows("Stage on the disk", faults, lambda fault: fault.stage or "none yet")
    return f"{by_kind}\n\n{by_stage}"


def write_page(faults: Sequence[Fault], notes: Sequence[str]) -> None:
    """Put the tables between their marks in benchmarks/crashlab.md."""
    begin, end = _MARKS
    lost = sum(bool(fault.trouble) for fault in faults)
    told = f"{len(faults)} faults, {lost} boards that did not come through; Python {platform.python_version()}, "
    told += f"{platform.machine()}, kernel {platform.release()}."
    inner = "\n\n".join((begin, told, table(faults), *notes, end))
    page = _PAGE.read_text()
    _PAGE.write_text(re.sub(f"{begin}.*{end}", lambda _: inner, page, flags=re.DOTALL))


def _rows(title: str, faults: Iterable[Fault], key: Callable[[Fault], str]) -> str:
    tried, lost = Counter[str](), Counter[str]()
    for fault in faults:
        tried[key(fault)] += 1
        lost[key(fault)] += bool(fault.trouble)
    lines = [f"| {title} | Tried | Came through |", "|---|---|---|"]
    lines += [f"| {name} | {count} | {count - lost[name]} |" for name, count in tried.items()]
    return "\n".join([*lines, f"| **all** | {tried.total()} | {tried.total() - lost.total()} |"])
