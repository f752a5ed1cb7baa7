"""`edge-sdk fleet`: the operator's side, a folder and its commands."""

from __future__ import annotations

import typer

from edge_sdk.cli.fleet import enroll, keys, release, serve, start, status

app = typer.Typer(help="Release models to boards, and gather what they send.", no_args_is_help=True)
app.command("init")(start.begin)
app.command("enroll")(enroll.enroll)
app.command("release")(release.make_release)
app.command("assign")(release.assign_release)
app.command("serve")(serve.serve)
app.command("status")(status.status)
app.command("command")(status.command)
app.add_typer(keys.app, name="keys")
