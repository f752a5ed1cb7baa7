"""`edge-sdk doctor`: what is wrong with this board, each with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import output
from edge_sdk.errors import GateError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.doctor import Diagnosis

_MARKS = {"failed": "FAILED", "warning": "warning", "ok": "ok", "not here": "not here"}


def examine_board(
    package: Annotated[Path | None, typer.Argument(help="A package that should run here.", show_default=False)] = None,
    *,
    profile: Annotated[str | None, typer.Option(help="The board; this machine if not given.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="A source that is read here for 2 s. May be repeated.")
    ] = None,
    cameras: Annotated[bool, typer.Option("--cameras", help="Read each camera for 2 s and measure its rate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Tell what is wrong with this board, each with its cure; exits with 6 if something fails.

    Libraries are imported, sources read and the package run in processes of their own: one that crashes is a finding.

    Example: edge-sdk doctor parts-1.edge --source camera:0
    """
    from edge_sdk.doctor import FIRST, WITH_RUNTIME, Subject, examine
    from edge_sdk.doctor.board import recognize
    from edge_sdk.doctor.permissions import this_user

    board = load_profile(profile) if profile else recognize()
    subject = Subject(this_user(), board, package, tuple(source or ()), opens_cameras=cameras)
    with output.progress("examining", len(FIRST) + len(WITH_RUNTIME)) as step:
        diagnosis = examine(subject, tell=lambda _name: step(1))
    output.emit(diagnosis, _lines(diagnosis), as_json=as_json)
    require_health(diagnosis)


def require_health(diagnosis: Diagnosis) -> None:
    """Check that nothing failed.

    Raises:
        GateError: Something did.
    """
    if failed := diagnosis.of_state("failed"):
        names = ", ".join(finding.name for finding in failed)
        raise GateError(f"board: expected nothing that fails, got {names}", hint=failed[0].cure)


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    counts = {state: len(diagnosis.of_state(state)) for state in ("failed", "warning", "ok")}
    plural = "" if counts["warning"] == 1 else "s"
    yield (
        f"{diagnosis.board or 'unknown board'}: {counts['failed']} failed, {counts['warning']} warning{plural}, "
        f"{counts['ok']} ok"
    )
    troubles = (*diagnosis.of_state("failed"), *diagnosis.of_state("warning"))
    for finding in troubles:
        yield ""
        yield f"{_MARKS[finding.state]}  {finding.name}: {finding.evidence}"
        if finding.cure:
            yield f"{'':{len(_MARKS[finding.state])}}  cure: {finding.cure}"
    yield ""
    rest = (*diagnosis.of_state("ok"), *diagnosis.of_state("not here"))
    width = max((len(finding.name) for finding in rest), default=0)
    yield from (f"{_MARKS[finding.state]:8}  {finding.name:{width}}  {finding.evidence}" for finding in rest)
