"""`edge-sdk keep`: what runs kept for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge_sdk.cli import output

if TYPE_CHECKING:
    from edge_sdk.runtime.kept import Exported, Summary

_ROWS = 10

app = typer.Typer(help="Show what a run kept for training, and export it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="What `edge-sdk run --sink keep:FOLDER` fills.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]


@app.command("list")
def list_kept(folder: Folder, as_json: AsJson = False) -> None:
    """Tell how many samples were kept, why, and since when.

    Example: edge-sdk keep list kept
    """
    from edge_sdk.runtime.kept import read_kept, summarize

    summary = summarize(folder, read_kept(folder))
    output.emit(summary, _summary_lines(summary), as_json=as_json)


@app.command("export")
def export(
    folder: Folder,
    place: Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")],
    form: Annotated[
        Literal["coco", "yolo", "classes", "pictures", "arrays"] | None,
        typer.Option("--format", help="Of the export; by the task if not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write kept samples for labelling and training, with what the model said as the first guess.

    Example: edge-sdk keep export kept -o dataset --format yolo
    """
    from edge_sdk.runtime.kept import export_kept, read_kept

    exported = export_kept(read_kept(folder), place, form)
    output.emit(exported, _exported_lines(exported), as_json=as_json)


def _summary_lines(summary: Summary) -> Iterator[str]:
    yield f"{summary.folder}: {summary.count} samples, {summary.size_bytes / 1e6:.1f} MB, {summary.blurred} blurred"
    if summary.first_unix_s is not None and summary.last_unix_s is not None:
        yield f"kept from {_time(summary.first_unix_s)} to {_time(summary.last_unix_s)}"
    for what, counts in (("reason", summary.reasons), ("source", summary.sources), ("model", summary.models)):
        yield ""
        yield from output.table((what, "samples"), _rows(counts))


def _rows(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the most frequent with their counts, and how many are left: the pictures of a folder are sources each."""
    rows = [(name, str(count)) for name, count in counts.items()]
    left = len(rows) - _ROWS
    return rows if left <= 0 else [*rows[:_ROWS], (f"and {left} more", str(sum(list(counts.values())[_ROWS:])))]


def _exported_lines(exported: Exported) -> Iterator[str]:
    yield f"{exported.place}: {exported.count} samples as {exported.form}, {exported.broken} left out as broken"
    yield from exported.files


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
