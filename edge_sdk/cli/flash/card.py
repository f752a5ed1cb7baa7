"""A card, an image or a mounted boot partition: made ready, planned, asked for, and given its kit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_sdk.cli import output
from edge_sdk.cli.flash.making import Making, ears
from edge_sdk.cli.flash.wishes import Wishes
from edge_sdk.errors import InputError
from edge_sdk.profiles import load_profile

if TYPE_CHECKING:
    from edge_sdk.flash import BoardSystem, Kit, Parcel
    from edge_sdk.flash.image import Survey
    from edge_sdk.flash.plan import Board, Plan
    from edge_sdk.flash.ready import Ready
    from edge_sdk.flash.target import Target
    from edge_sdk.profiles import DeviceProfile


def flash_card(target: Target, wishes: Wishes, making: Making) -> Kit | None:
    """Give a card, an image or a boot partition its kit; None if only the plan was asked for.

    Raises:
        InputError: It may not be written, takes no customisation that is known, or is not for this board.
        TrustError: The image has another digest, or what was read back is not what was written.
        UnavailableError: There is too little room, it cannot be written, or a program is not installed.
    """
    from edge_sdk.flash.image import require_room
    from edge_sdk.flash.ready import made_ready

    if not wishes.profile:
        raise InputError("--profile: expected the kind of board, got nothing", hint="edge-sdk profiles list")
    profile = load_profile(wishes.profile)
    with (
        ears() as told,
        made_ready(target, making.cache("images"), told, sha256=making.sha256, needed=(making.package.path,)) as ready,
    ):
        parcel = making.parcel(wishes, profile, _system(ready.survey, making, profile))
        drive_bytes = ready.drive.size_bytes if ready.drive else 0
        require_room(ready.survey, parcel, where=target.name, drive_bytes=drive_bytes, tell=output.note)
        if not making.manner.ask(_plan(ready, parcel, making.board(wishes, profile))):
            return None
        with_claim = making.claimed(parcel, wishes)
        try:
            ready.put(with_claim, told)
        except KeyboardInterrupt as exc:
            for said in exc.args:
                output.note(f"interrupted: {said}")
            raise
        return with_claim.kit


def _system(survey: Survey, making: Making, profile: DeviceProfile) -> BoardSystem:
    """Return what decides which wheels there are: what can be seen in the system, else what was said of it."""
    from edge_sdk.flash import BoardSystem
    from edge_sdk.flash.plan import require_python

    usual = BoardSystem.of(profile)
    if usual.keeps:
        raise InputError(
            f"{profile.name}: expected a board that starts from a card, got one whose system its maker installs",
            hint=f"install it with its maker's tools, then: edge-sdk flash ssh://USER@HOST … -p {profile.name}",
        )
    if survey.arch and survey.arch != usual.arch:
        raise InputError(
            f"{profile.name}: expected a system for {usual.arch}, got one for {survey.arch}",
            hint="take the 64-bit image" if survey.arch == "armv7l" else "another image, or another --profile",
        )
    python = require_python(survey.python, making.board_python, usual.python)
    return replace(usual, python=python, glibc=survey.glibc or usual.glibc)


def _plan(ready: Ready, parcel: Parcel, board: Board) -> Plan:
    from edge_sdk.flash.plan import Plan

    survey, target = ready.survey, ready.target
    return Plan(
        target=target.name,
        kind=target.kind,
        says=ready.drive.title if ready.drive else "",
        system=survey.os_name or "a system that does not say its name",
        customisation=survey.format,
        image=str(target.image or ""),
        image_bytes=ready.image_bytes,
        free_bytes=survey.free_bytes,
        kit_bytes=parcel.size_bytes,
        kit=parcel.kit,
        kit_sha256=parcel.kit.digest,
        board=board,
        estimate_s=ready.estimate_s,
        steps=ready.steps,
    )
