"""`edge-sdk demo fleet`: a whole fleet on this machine, from keys to a forged update that nobody takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.cli.demo.story import Seen

app = typer.Typer(help="See it work, on this machine alone.", no_args_is_help=True)


@app.command("fleet")
def fleet(
    keep: Annotated[
        Path | None, typer.Option(help="A new folder for what is made, which stays; a temporary one if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was seen as JSON.")] = False,
) -> None:
    """Run a fleet of two boards on this machine: a good update, one that is authentic and wrong, and a forged one.

    It needs Mosquitto, takes a minute or two, and ends all that it starts.

    Example: edge-sdk demo fleet
    """
    if keep is not None and keep.exists():
        raise InputError(f"{keep}: expected a new folder, got one that is there already")
    from edge_sdk.cli.demo.story import play
    from edge_sdk.cli.demo.town import Town

    start_s = time.monotonic()
    with TemporaryDirectory(prefix="edge-sdk-demo-") as temporary:
        folder = (keep or Path(temporary)).absolute()
        with Town(folder) as town:
            seen = play(town)
    output.emit(seen, _lines(seen, time.monotonic() - start_s, keep), as_json=as_json)


def _lines(seen: Seen, seconds: float, keep: Path | None) -> Iterator[str]:
    yield f"all of it in {seconds:.0f} s: {seen.results} results stored, {seen.missing} missing"
    yield f"confirmed    {seen.confirmed}"
    yield f"refused      {seen.refused}"
    yield f"not believed {seen.not_believed}"
    if keep is not None:
        yield f"what was made is in {keep}"
