"""`--recover`: a board that lost its state goes back to its factory model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge_sdk.cli import output
from edge_sdk.cli.flash.making import Manner
from edge_sdk.errors import GateError, InputError

if TYPE_CHECKING:
    from edge_sdk.flash.target import Target


@dataclass(frozen=True, slots=True)
class Recovered:
    """What has become of a board.

    Attributes:
        target: The board, or its card.
        state: `recovered`; `asked`, the board does it when it starts next; `planned`, nothing was done.
    """

    target: str
    state: Literal["recovered", "asked", "planned"]


def recover(target: str, manner: Manner) -> None:
    """Put a board back to the model that it was flashed with, now over SSH, at its next start from its card.

    Raises:
        InputError: The target is none, or has no kit.
        UnavailableError: It is not reached, or cannot be written.
        GateError: The board could not go back.
    """
    from edge_sdk.flash.target import find_target

    found = find_target(target)
    output.note(f"{target}: what the agent cannot read is moved aside, updates are given up, the factory model is used")
    output.note("its identity, its settings and results that wait stay")
    if manner.is_dry:
        record = Recovered(target, "planned")
    else:
        manner.agree()
        record = _over_ssh(target) if found.kind == "ssh" else _on_card(found)
    output.emit(record, _lines(record), as_json=manner.as_json)


def _over_ssh(target: str) -> Recovered:
    from edge_sdk.flash.ssh.provision import recover as recover_board

    outcome = recover_board(target, output.note)
    if not outcome.is_done:
        raise GateError(
            f"{target}: {outcome.step}: {outcome.reason or outcome.state}",
            hint="journalctl -u edge-sdk-first-boot on the board",
        )
    return Recovered(target, "recovered")


def _on_card(target: Target) -> Recovered:
    from edge_sdk.flash.drives import require_drive
    from edge_sdk.flash.image import request_recovery, survey, survey_folder
    from edge_sdk.flash.write import held

    if target.kind == "drive":
        with held(require_drive(target.name, 0)):
            request_recovery(target.path, survey(target.path))
    else:
        look = survey_folder if target.kind == "boot partition" else survey
        request_recovery(target.path, look(target.path))
    return Recovered(target.name, "asked")


def _lines(record: Recovered) -> Iterator[str]:
    if record.state == "recovered":
        yield f"{record.target} is back at its factory model"
    elif record.state == "asked":
        yield f"{record.target}: the board goes back to its factory model when it starts from it next"


def require_alone(package: object) -> None:
    """Refuse what recovering does not take.

    Raises:
        InputError: A package was named.
    """
    if package is not None:
        raise InputError(
            "--recover: expected a board alone, got a package too",
            hint="without --recover the package is installed, and the board keeps its state",
        )
