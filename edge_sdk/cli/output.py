"""What the terminal shows: the answer on stdout, all else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from edge_sdk import records


def emit(record: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print the answer on stdout: the record as JSON, or its lines for people."""
    if as_json:
        sys.stdout.write(records.to_json(record))
    else:
        for line in lines:
            sys.stdout.write(f"{_shown(line)}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(f"{_shown(text)}\n")
    sys.stderr.flush()


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on stderr, on a terminal only; when it is done, what it took stays as a line.

    Args:
        title: What is being done.
        total: Number of steps; None if unknown.

    Yields:
        A function that is called with the number of steps done since its last call.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
    console.print(f"{title}: {bar.tasks[0].elapsed or 0:.1f} s", style="dim", markup=False, highlight=False)


@contextmanager
def countdown(title: str, seconds: float) -> Iterator[Callable[[float, str], None]]:
    """Show on stderr, on a terminal only, how much of a time is over and how it goes; it leaves nothing behind.

    Args:
        title: What is being done.
        seconds: How long it takes.

    Yields:
        A function that is called with the seconds until now, and what is to be said.
    """
    if not sys.stderr.isatty():
        yield lambda _seconds, _says: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    says = TextColumn("{task.fields[says]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), says)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=seconds, says="")
        yield lambda elapsed_s, now: bar.update(task, completed=elapsed_s, says=now)


@contextmanager
def transfers() -> Iterator[Callable[[str, int, int], None]]:
    """Show on stderr, on a terminal only, bars of bytes with their speed and the time left, one after another.

    A bar is alive until it is full: between bars the terminal is free for questions.

    Yields:
        A function that is called with the title of a bar, the bytes that are done, and how many there are.
    """
    if not sys.stderr.isatty():
        yield lambda _title, _done, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    alive: dict[str, Progress] = {}

    def show(title: str, done: int, size: int) -> None:
        if title not in alive:
            end()
            alive[title] = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            alive[title].add_task(title, total=size)
            alive[title].start()
        alive[title].update(alive[title].task_ids[0], completed=done)
        if done >= size:
            end()

    def end() -> None:
        for bar in alive.values():
            bar.stop()
        alive.clear()

    try:
        yield show
    finally:
        end()


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a plain table with aligned columns."""
    body = [head, *rows]
    widths = [max(len(row[column]) for row in body) for column in range(len(head))]
    for row in body:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _shown(line: str) -> str:
    """Replace what could drive the terminal: labels, names and messages come from files that others made."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
