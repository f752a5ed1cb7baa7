"""The command line: each command parses, calls one public function and prints its record.

- The answer goes to stdout, all else to stderr; `--json` prints the record itself.
- A command imports the rooms that need NumPy when it runs, so that `--help` answers at once.
- An `EdgeError` becomes `error: …` and `hint: …` and the exit code of its family; a traceback only with `-vv`.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

import edge_sdk
from edge_sdk.cli import (
    agent,
    bench,
    convert,
    demo,
    doctor,
    flash,
    fleet,
    inspect,
    keep,
    output,
    parity,
    plan,
    profiles,
    quantize,
    run,
)
from edge_sdk.errors import EdgeError, UnavailableError

INTERRUPTED = 130
"""How typer ends after Ctrl-C."""

app = typer.Typer(
    name="edge-sdk",
    help="Take a trained model onto edge boards: quantize it within an accuracy budget, preview its plan, run it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(profiles.app, name="profiles")
app.add_typer(keep.app, name="keep")
app.command("convert")(convert.convert_model)
app.command("quantize")(quantize.quantize_model)
app.command("plan")(plan.preview_plan)
app.command("parity")(parity.compare)
app.command("inspect")(inspect.inspect_package)
app.command("run")(run.run_package)
app.command("bench")(bench.bench_package)
app.command("doctor")(doctor.examine_board)
app.command("flash")(flash.flash)
app.add_typer(agent.app, name="agent")
app.add_typer(demo.app, name="demo")
app.add_typer(fleet.app, name="fleet")

_verbosity = 0


def _print_version(asked: bool) -> None:
    if asked:
        output.emit(edge_sdk.__version__, [f"edge-sdk {edge_sdk.__version__}"], as_json=False)
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Say more; -vv shows tracebacks.", show_default=False),
    ] = 0,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    global _verbosity  # noqa: PLW0603  the one process-wide setting: how an error is shown
    _verbosity = verbose
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )


def main() -> None:
    """Run the command line; the entry point of `edge-sdk`."""
    # read when cv2 is imported: OpenCV and FFmpeg would write to stderr what our own errors say in one line
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")  # FFmpeg's number for fatal
    try:
        app(standalone_mode=True)
    except EdgeError as exc:
        _fail(exc)
    except OSError as exc:  # of files and devices there is more than the rooms foresee
        _fail(UnavailableError(f"{exc.filename or 'system'}: expected what can be used, got {exc.strerror or exc}"))
    except Exception as exc:  # noqa: BLE001  the last one: a bug of ours is one line too
        said = " ".join(str(exc).split())
        _fail(EdgeError(f"internal: {type(exc).__name__}: {said}", hint="this is a bug of edge-sdk; -vv shows where"))


def _fail(exc: EdgeError) -> NoReturn:
    if _verbosity > 1:
        traceback.print_exc()
    for line in str(exc).splitlines():
        output.note(f"error: {line}")
    if exc.hint:
        output.note(f"hint: {exc.hint}")
    sys.exit(exc.exit_code)
