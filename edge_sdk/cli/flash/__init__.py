"""`edge-sdk flash`: from a blank card, or a board that runs, to a board that has proven itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_sdk.cli.flash import drives, many, one, recovery
from edge_sdk.cli.flash.making import Making, Manner, told_package
from edge_sdk.cli.flash.one import Labelling
from edge_sdk.cli.flash.wishes import Network, Wishes, read_login, told_membership

_USUAL_S = 900.0


def flash(
    target: Annotated[
        str, typer.Argument(help="A drive, an image file, a mounted boot partition, or ssh://USER@HOST.")
    ] = "",
    package: Annotated[Path | None, typer.Argument(help="The package that the board comes with.")] = None,
    *,
    profile: Annotated[str, typer.Option("--profile", "-p", help="The kind of board; found out over SSH.")] = "",
    device_id: Annotated[str, typer.Option(help="The board's name: letters, digits, '.', '_', '-'.")] = "",
    fleet: Annotated[
        Path | None,
        typer.Option(envvar="EDGE_SDK_FLEET", help="The folder of its fleet, or a claim of `edge-sdk fleet enroll`."),
    ] = None,
    standalone: Annotated[bool, typer.Option("--standalone", help="Of no fleet: no results go out.")] = False,
    group: Annotated[list[str] | None, typer.Option(help="A group of the fleet. May be repeated.")] = None,
    hours: Annotated[float, typer.Option(help="How long its claim is taken.")] = 24.0,
    image: Annotated[
        Path | None, typer.Option(help="The system to write first: .img, also .xz, .zst or .gz of it.")
    ] = None,
    sha256: Annotated[str, typer.Option("--sha256", help="What the image file's SHA-256 must be.")] = "",
    source: Annotated[
        list[str] | None, typer.Option(help="Where samples come from; camera:0 for pictures. May be repeated.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="An agent.toml instead of --source.")] = None,
    hostname: Annotated[str, typer.Option(help="Its name in the network; like --device-id if not given.")] = "",
    wifi: Annotated[str | None, typer.Option(help="A Wi-Fi to join.")] = None,
    wifi_password_file: Annotated[
        Path | None, typer.Option(help="Whose first line is its passphrase; asked for if not given.")
    ] = None,
    wifi_country: Annotated[str | None, typer.Option(help="Where the board is, such as DE.")] = None,
    wifi_hidden: Annotated[bool, typer.Option("--wifi-hidden", help="The network does not show its name.")] = False,
    user: Annotated[str | None, typer.Option(help="Who may log in over SSH; made if not there.")] = None,
    ssh_key: Annotated[Path | None, typer.Option(help="Public keys of that user.")] = None,
    wheels: Annotated[Path | None, typer.Option(help="A folder of wheels to take, with no network.")] = None,
    board_python: Annotated[str, typer.Option(help="The board's Python, such as 3.13, if it cannot be seen.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Return when the board has proven itself.")] = False,
    timeout_s: Annotated[float, typer.Option("--timeout", help="How long to wait, in seconds.")] = _USUAL_S,
    batch: Annotated[Path | None, typer.Option(help="A table of boards: docs/how_to/flash.md.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A folder for labels with QR codes.")] = None,
    label_text: Annotated[str, typer.Option(help="What the codes say.")] = "edge-sdk:{fleet}/{device}",
    rename: Annotated[
        bool, typer.Option("--rename", help="A board over SSH that has another name takes this one.")
    ] = False,
    recover: Annotated[
        bool, typer.Option("--recover", help="Put a board that lost its state back to its factory model.")
    ] = False,
    show_drives: Annotated[bool, typer.Option("--list", help="List drives, and which may be written.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Put a model, its runtime and its agent on a board; a board without a network comes up by itself.

    Example: edge-sdk flash --list
    """
    if show_drives:
        drives.show(as_json=as_json)
        return
    if batch is not None and package is None and target:
        target, package = "", Path(target)
    manner = Manner(dry_run, yes, as_json, timeout_s if wait else None)
    if recover:
        recovery.require_alone(package)
        recovery.recover(target, manner)
        return
    making = Making(
        package=told_package(package),
        image=image,
        sha256=sha256,
        wheels=wheels,
        board_python=board_python,
        manner=manner,
    )
    wishes = Wishes(
        device=device_id,
        profile=profile,
        membership=told_membership(fleet, group or (), hours, is_standalone=standalone),
        hostname=hostname,
        sources=tuple(source or ()),
        settings=settings,
        wifi=Network(wifi, wifi_password_file, wifi_country, wifi_hidden).wifi(),
        login=read_login(user, ssh_key),
        may_rename=rename,
    )
    labelling = Labelling(labels, label_text) if labels else None
    if batch is not None:
        many.flash_all(many.Many(batch, target, labelling), wishes, making)
    else:
        one.flash_one(target, wishes, making, labelling)
