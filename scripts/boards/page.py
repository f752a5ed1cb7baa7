"""What came of it, as a table in benchmarks/boards.md."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from scripts.boards.lab import Seen

_PAGE = Path(__file__).parents[2] / "benchmarks" / "boards.md"
_MARKS = ("<!-- stories -->", "<!-- end of stories -->")


def write_page(seen: Sequence[Seen]) -> None:
    """Put the table between its marks."""
    begin, end = _MARKS
    told = f"{datetime.now(timezone.utc):%Y-%m-%d}, QEMU on {platform.machine()}, kernel {platform.release()}."
    rows = [f"| {one.story} | {one.step} | {one.took_s:.0f} s | {one.says} |" for one in seen]
    inner = "\n".join((begin, told, "", "| Story | Step | Took | Seen |", "|---|---|---:|---|", *rows, end))
    _PAGE.write_text(re.sub(f"{begin}.*{end}", lambda _: inner, _PAGE.read_text(), flags=re.DOTALL))
