"""The model on this board: is it the board of the kit, do the golden inputs pass, does the agent stay up?

- The golden inputs run in the kit's environment before that is in use.
- Where the agent does not stay up, the environment that was proven before is in use again, with its settings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.flash.board_side import environment, kept, service
from edge_sdk.flash.board_side.commands import Finished, run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.kit import Kit
from edge_sdk.flash.board_side.places import Places

_QUICK_S, _GOLDEN_S = 300.0, 1800.0
_FINAL_CODES = frozenset({1, 2, 3, 4, 6})
"""What edge-sdk returns where trying again changes nothing: a bug, usage, input, trust, gate."""


def check_board(places: Places, kit: Kit) -> None:
    """Compare what the board says of itself with the kit's profile; profiles for any board contradict nothing.

    Raises:
        StepError: It is another board.
    """
    program = environment.folder_of(places, kit) / "bin/edge-sdk"
    detected = _profile(run(program, "profiles", "detect", "--json", timeout_s=_QUICK_S), "profile")
    if detected is None or detected.is_any_board or detected.name == kit.profile:
        return
    wanted = _profile(run(program, "profiles", "show", kit.profile, "--json", timeout_s=_QUICK_S))
    if wanted is not None and not wanted.is_any_board:
        raise StepError(f"board: expected {kit.profile}, got {detected.name}: wrong board", is_final=True)


def install_model(places: Places, kit: Kit, *, is_recovery: bool, settle_s: float) -> None:
    """Have the agent run the kit's model from the kit's environment, or have all be as it was.

    Args:
        places: The board.
        kit: The kit.
        is_recovery: Whether the device goes back to the kit's model, whatever state it is in.
        settle_s: How long the agent must stay up.

    Raises:
        StepError: The model does not pass its golden inputs here, or the agent does not stay up.
        OSError: The disk cannot be written.
    """
    wanted = environment.folder_of(places, kit)
    try:
        kept.write_settings(places)
        service.restart_later(places)
        package = ("--package", places.kit / kit.package)
        if is_recovery:
            _recover(places, wanted, *package)
        _agent(wanted, "install", "--yes", "--state", places.device, "--program", places.program, *package)
        environment.use(places, wanted)
        service.settle(places, settle_s=settle_s)
    except (StepError, OSError) as exc:
        if environment.is_proven(wanted) or not kept.is_anything(places):
            raise  # nothing else has worked here
        try:
            back = _go_back(places, wanted, settle_s=settle_s)
        except (StepError, OSError) as worse:
            raise StepError(f"{exc}; going back: {worse}") from exc
        if not back:
            raise
        raise StepError(f"{exc}; {back}", is_final=True) from exc


def _recover(places: Places, wanted: Path, *package: str | Path) -> None:
    """Put the device back to the kit's model; settings that cannot be read give way to the kit's."""
    command = ("recover", "--yes", "--state", places.device, *package)
    try:
        _agent(wanted, *command)
    except StepError:
        if not kept.replace_settings(places):
            raise
        _agent(wanted, *command)


def _go_back(places: Places, failed: Path, *, settle_s: float) -> str:
    """Have things as they were when the board last worked.

    Returns:
        Where `current` was led back to; empty if the kit's environment was not in use yet.

    Raises:
        StepError: The agent does not stay up with that either.
        OSError: The disk cannot be written.
    """
    before = environment.led_to(places.previous) if environment.led_to(places.current) == failed else None
    kept.give_back(places)
    service.reload_units()
    if before is not None:
        service.restart_later(places)
        environment.use(places, before)
    service.settle(places, settle_s=settle_s)
    return f"back to {before.name}" if before is not None else ""


def _agent(wanted: Path, *arguments: str | Path) -> None:
    done = run(wanted / "bin/edge-sdk", "agent", *arguments, timeout_s=_GOLDEN_S)
    if not done.is_good:
        raise StepError(
            f"agent {arguments[0]}: expected success, got {done.reason}", is_final=done.code in _FINAL_CODES
        )


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    is_any_board: bool


def _profile(said: Finished, *keys: str) -> _Profile | None:
    """Read what `edge-sdk profiles` says; None where it knows no profile."""
    try:
        document = json.loads(said.out)
        for key in keys:
            document = document[key]
        return _Profile(str(document["name"]), bool(document["detection"]["any_board"]))
    except (ValueError, KeyError, TypeError):
        return None
