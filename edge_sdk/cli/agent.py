"""`edge-sdk agent run | status | rollback | install | recover`: the agent of this board."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_sdk.cli import membership, output
from edge_sdk.cli.membership import DEFAULT_STATE, AsJson, StateOption
from edge_sdk.errors import GateError, InputError, UnavailableError

if TYPE_CHECKING:
    from edge_sdk.agent.install import Installed, Plan
    from edge_sdk.agent.recover import Recovery
    from edge_sdk.agent.standing import Standing

app = membership.app
_POLL_S = 0.2


def run(state: StateOption = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Run the model on this board, report to the fleet, live its updates; SIGTERM ends it.

    Example: edge-sdk agent run --state /var/lib/edge-sdk
    """
    from edge_sdk.agent.config import read_config

    read_config(state)  # what is wrong with it is told here
    # the same process, without the libraries of a command line: the agent stays small
    command = [sys.executable, "-m", "edge_sdk.agent", str(state), *(["--json"] if as_json else [])]
    os.execv(sys.executable, command)  # noqa: S606  this very Python


def status(state: StateOption = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Tell what this board is: what runs, how the last update stands, whether the agent lives.

    Example: edge-sdk agent status --state /var/lib/edge-sdk
    """
    from edge_sdk.agent.standing import read_standing

    standing = read_standing(state)
    output.emit(standing, _lines(standing), as_json=as_json)


def rollback(
    state: StateOption = DEFAULT_STATE,
    *,
    wait_s: Annotated[float, typer.Option("--wait", help="How long to wait for it, in seconds.")] = 120.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would go back to.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the model before take over again; the one in use is not tried again under the same assignment.

    Example: edge-sdk agent rollback --dry-run
    """
    from edge_sdk.agent.asked import ask
    from edge_sdk.agent.standing import read_standing, settled

    standing = read_standing(state)
    if not standing.goes_back_to:
        raise InputError(f"{state}: expected another release to go back to, got none")
    output.note(f"{standing.current[:12] or 'nothing'} gives way to {standing.goes_back_to[:12]}")
    if dry_run:
        output.emit(standing, (), as_json=as_json)
        return
    if not yes and not typer.confirm("go on?", err=True):
        raise InputError("asked: expected yes, got no")
    command = ask(state, "rollback")
    if not standing.is_running:
        output.note("the agent does not run; it will be done when it starts")
        return
    until_s = time.monotonic() + wait_s
    while (done := settled(state, command.id)) is None:
        if time.monotonic() > until_s:
            raise UnavailableError(f"{state}: expected it to be done within {wait_s:g} s, got no answer")
        time.sleep(_POLL_S)
    if done.stage == "failed":
        raise GateError(done.reason)
    output.emit(done, [f"back to {done.answer.get('release') or done.answer.get('to', '')}"], as_json=as_json)


def install(
    *,
    source: Annotated[
        list[str] | None, typer.Option(help="Where samples come from, for a board without settings. May be repeated.")
    ] = None,
    package: Annotated[Path | None, typer.Option(help="A package that the board comes with.")] = None,
    user: Annotated[str, typer.Option(help="Who runs it; made if it is not there.")] = "edge-sdk",
    program: Annotated[
        Path | None,
        typer.Option(help="What the service starts: an absolute path, taken as it is; this edge-sdk if not given."),
    ] = None,
    memory_mb: Annotated[int, typer.Option(help="Most memory of agent and model; 60 % of the board's if 0.")] = 0,
    state: StateOption = DEFAULT_STATE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the unit and what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the agent a service of systemd, with a user, limits and a sandbox; a package proves itself first.

    Example: edge-sdk agent install --source camera:0 --dry-run
    """
    from edge_sdk.agent.install import Wanted, plan
    from edge_sdk.agent.install import install as perform
    from edge_sdk.agent.unit import UnitOptions

    started = program or Path(shutil.which("edge-sdk") or sys.argv[0]).resolve()
    options = UnitOptions(started, state.absolute(), user=user, memory_mb=memory_mb)
    wanted = Wanted(options, tuple(source or ()), package)
    planned = plan(wanted)
    if dry_run:
        output.emit(planned, _plan_lines(planned), as_json=as_json)
        return
    for line in _plan_lines(planned):
        output.note(line)
    if not yes and not typer.confirm("go on?", err=True):
        raise InputError("asked: expected yes, got no")
    if os.geteuid():
        raise UnavailableError("install: expected to be run as root, got another user", hint="sudo")
    done = perform(wanted, planned)
    output.emit(done, _installed_lines(done), as_json=as_json)


def _plan_lines(planned: Plan) -> Iterator[str]:
    yield from (*planned.unit.splitlines(), "")
    if planned.proves:
        yield f"proves {planned.proves} on its golden samples, before anything is changed"
    yield from ("runs " + " ".join(command) for command in planned.before)
    yield from (f"writes {name}" for name in planned.files)
    yield from ("runs " + " ".join(command) for command in planned.after)


def _installed_lines(done: Installed) -> Iterator[str]:
    name = Path(done.unit).name
    yield f"{name} runs: systemctl status {Path(name).stem}"
    if done.release:
        stays = "" if done.is_in_use else "; what is in use stays: the board got it since, or came with this one before"
        yield f"{done.release}: model {done.model_sha256[:12]} gave its golden outputs here{stays}"


def recover(
    *,
    package: Annotated[
        Path | None, typer.Option(help="A package that the board comes with from now on, instead.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put this board back to the model that it came with, where its state is lost or damaged; nothing is deleted.

    Example: edge-sdk agent recover --dry-run
    """
    from edge_sdk.agent.recover import Wanted, plan
    from edge_sdk.agent.recover import recover as perform

    wanted = Wanted(state.absolute(), package)
    planned = plan(wanted)
    if dry_run or not planned.does:
        output.emit(planned, _recovery_lines(planned), as_json=as_json)
        return
    for line in _recovery_lines(planned):
        output.note(line)
    if not yes and not typer.confirm("go on?", err=True):
        raise InputError("asked: expected yes, got no")
    if planned.service and os.geteuid():
        raise UnavailableError("recover: expected to be run as root, got another user", hint="sudo")
    done = perform(wanted)
    output.emit(done, _recovery_lines(done), as_json=as_json)


def _recovery_lines(record: Recovery) -> Iterator[str]:
    yield f"{record.device or 'no member of a fleet'}: back to {record.package}"
    yield from record.does or ("all is as it is to be",)


def _lines(standing: Standing) -> Iterator[str]:
    reported = standing.reported
    yield f"agent    {'runs' if standing.is_running else 'does not run'}, started {reported.boot} times"
    yield f"device   {standing.device or 'no member of a fleet'}"
    yield f"release  {reported.release or 'none'} {reported.package_sha256[:12]}"
    yield f"model    {reported.model_sha256[:12] or 'none loaded'} {reported.family}"
    yield f"proven   {reported.proven_sha256[:12] or 'no golden run is known'}"
    yield f"worker   {reported.worker}"
    update = reported.update
    yield f"update   {update.state} {update.release}" + (f": {update.reason}" if update.reason else "")
    yield f"back to  {standing.goes_back_to[:12] or 'nothing'}"


app.command("run")(run)
app.command("status")(status)
app.command("rollback")(rollback)
app.command("install")(install)
app.command("recover")(recover)
