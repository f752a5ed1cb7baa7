"""The steps that make a board what its kit says, in order; each may be done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_sdk.flash.board_side import (
    checks,
    clock,
    environment,
    hostname,
    kept,
    login,
    membership,
    model,
    request,
    service,
    wifi,
)
from edge_sdk.flash.board_side import secrets_taken as secrets
from edge_sdk.flash.board_side.durable import wipe
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.kit import Kit
from edge_sdk.flash.board_side.places import Places
from edge_sdk.flash.board_side.status import Sayer

LOGIN = "login.json"


@dataclass(slots=True)
class Work:
    """What is to be done, and what the board could not take of it.

    Attributes:
        places: The board.
        kit: The kit.
        sayer: Who is told.
        is_recovery: Whether the device goes back to the kit's model, whatever state it is in.
        patience_s: For how long the fleet is waited for.
        settle_s: How long the agent must stay up to be believed.
        notes: What the board could not take, which does not keep its model from running.
    """

    places: Places
    kit: Kit
    sayer: Sayer
    is_recovery: bool
    patience_s: float
    settle_s: float
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep what is to be told at the end."""
        if text:
            self.notes.append(text)


def _check(work: Work) -> None:
    checks.check_system(work.kit)
    checks.check_libraries()
    if not environment.is_whole(environment.folder_of(work.places, work.kit)):
        checks.check_room(work.places, work.kit)
    if clock.raise_to(work.places, work.kit.made_unix_s):
        work.note("clock: was before the kit was made, and set to that")
    checks.check_kit(work.places, work.kit)


def _settings(work: Work) -> None:
    places = work.places
    if work.kit.hostname:
        hostname.set_hostname(places, work.kit.hostname)
    secret = places.boot / secrets.WIFI
    if secret.exists():
        try:
            work.note(wifi.join(places, wifi.read_wifi(secret.read_bytes())))
        except ValueError as exc:
            work.note(f"{secrets.WIFI}: {exc}")
        wipe(secret)
    if (places.kit / LOGIN).exists():
        work.note(login.set_login(places, places.kit / LOGIN))


def _install(work: Work) -> None:
    environment.make(work.places, work.kit, is_recovery=work.is_recovery)
    if environment.led_to(work.places.current) is None:
        environment.use(work.places, environment.folder_of(work.places, work.kit))


def _board(work: Work) -> None:
    model.check_board(work.places, work.kit)


def _model(work: Work) -> None:
    model.install_model(work.places, work.kit, is_recovery=work.is_recovery, settle_s=work.settle_s)
    request.settle(work.places)


def _enrol(work: Work) -> None:
    membership.enrol(
        work.places,
        patience_s=work.patience_s,
        settle_s=work.settle_s,
        tell=lambda reason: work.sayer.say("enrol", "doing", reason),
    )


def _done(work: Work) -> None:
    service.settle(work.places, settle_s=work.settle_s)
    kept.keep(work.places)
    current = environment.folder_of(work.places, work.kit)
    environment.prove(current)
    environment.remove_others(work.places, {current, environment.led_to(work.places.previous)})


STEPS: dict[str, Callable[[Work], None]] = {
    "check": _check,
    "settings": _settings,
    "install": _install,
    "board": _board,
    "model": _model,
    "enrol": _enrol,
    "done": _done,
}


def perform(work: Work) -> None:
    """Do all steps, and say how each one goes.

    Raises:
        StepError: One failed; which, and why, was said.
    """
    for name, step in STEPS.items():
        work.sayer.say(name, "doing")
        try:
            step(work)
        except OSError as exc:
            failed = StepError(f"{exc.filename or name}: expected it to be read and written, got {exc.strerror or exc}")
            work.sayer.say(name, "failed", str(failed))
            raise failed from exc
        except StepError as exc:
            work.sayer.say(name, "failed", str(exc))
            raise
        is_last = name == next(reversed(STEPS))
        work.sayer.say(name, "done", "; ".join(work.notes) if is_last else "")
