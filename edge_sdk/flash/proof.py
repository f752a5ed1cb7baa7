"""Whether a board that was flashed has come up and proven its model, and where it stopped if it has not. Pure.

- A board is proven when it is connected by its new identity, has loaded the model that its kit has, and that model gave
  its golden outputs on it. Nothing less ends the wait well.
- What can be seen (`Seen`) is looked at from the far end: who has reported is beyond enrolling, who has enrolled is
  beyond its first boot. The first that is wrong is where it is.
- A state that mends itself is given its time (`patience_s`); what holds for longer has stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Literal, Protocol

State = Literal["proven", "going on", "stopped"]
Where = Literal["proof", "model", "worker", "broker", "enrolment", "claim", "board", "first boot", "reach"]

_RETRY_S = 90.0
"""A step that failed and is tried again is begun anew within this time: systemd's `RestartSec` is 30."""
_REFUSED_S = 10.0
_CONNECT_S = 300.0
_SETTLE_S = 90.0
_STEP_S = 1800.0
"""TensorRT may make its engine for so long, in a golden run."""
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be proven.

    Attributes:
        device: The board's name.
        model_sha256: Digest of the model that it must load.
        hostname: Its name in its network, without a domain; empty if that is not known.
    """

    device: str
    model_sha256: str
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be seen of a board since it was flashed; what cannot is empty.

    Attributes:
        step: The step that its first boot told of last.
        step_state: How that stood: `doing`, `done`, `failed`.
        step_reason: Why.
        refused: Why a claim in its name was refused last.
        is_strangers: Whether that was another claim than the one that was made for it.
        is_enrolled: Whether its claim was used.
        has_reported: Whether it said since what it is.
        is_online: Whether it is connected, or its agent runs.
        worker: How what runs its model is: `running`, `paused`, `stopped`, `failed: CAUSE`.
        release: The release that is active.
        model_sha256: Digest of the model that is loaded.
        proven_sha256: Digest of the model that gave its golden outputs there.
        update: How an update stands, with its release.
        address: What its name leads to in this network.
        is_ssh_open: Whether something answers at its SSH port; None if nobody looked.
    """

    step: str = ""
    step_state: str = ""
    step_reason: str = ""
    refused: str = ""
    is_strangers: bool = False
    is_enrolled: bool = False
    has_reported: bool = False
    is_online: bool = False
    worker: str = ""
    release: str = ""
    model_sha256: str = ""
    proven_sha256: str = ""
    update: str = ""
    address: str = ""
    is_ssh_open: bool | None = None


class Watched(Protocol):
    """Where a board can be seen: its fleet, or itself over SSH."""

    def look(self) -> Seen:
        """Return what can be seen now; nothing where that place is not reached now."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a board stands.

    Attributes:
        state: Whether it is proven, on its way, or has stopped.
        where: What it is at.
        says: That, in a sentence.
        look: How to look further, a command or a sentence each.
        patience_s: For how long the same may hold before it has stopped.
    """

    state: State
    where: Where
    says: str
    look: tuple[str, ...] = ()
    patience_s: float = inf


def judge(seen: Seen, aim: Aim) -> Verdict:
    """Tell how a board stands, by what can be seen of it."""
    if seen.has_reported and seen.is_online and aim.model_sha256 == seen.model_sha256 == seen.proven_sha256:
        says = f"has loaded {aim.model_sha256[:_SHORT]}, which gave its golden outputs there"
        return Verdict("proven", "proof", says)
    tell = next((tell for holds, tell in _FARTHEST_FIRST if holds(seen)), _silent)
    return tell(seen, aim)


def _reported(seen: Seen, aim: Aim) -> Verdict:
    log = _on_board(aim, f"edge-sdk agent status; {_AGENT_LOG}")
    if not seen.is_online:
        return Verdict("going on", "broker", "was connected, and is gone", (log,), _CONNECT_S)
    if seen.worker.startswith("failed"):
        says = f"is connected, and its model does not run: {seen.worker}"
        return Verdict("going on", "worker", says, (_on_board(aim, "edge-sdk doctor"), log), _SETTLE_S)
    if not seen.model_sha256:
        says = f"is connected, and has loaded no model yet: its worker is {seen.worker or 'not known'}"
        return Verdict("going on", "worker", says, (log,), _SETTLE_S)
    if seen.model_sha256 != aim.model_sha256:
        got = f"{seen.model_sha256[:_SHORT]} ({seen.release or 'no release'}{_during(seen.update)})"
        says = f"runs another model: expected {aim.model_sha256[:_SHORT]}, got {got}"
        look = (f"what its fleet assigns to it counts: edge-sdk fleet status {aim.device}", log)
        return Verdict("going on", "model", says, look, _SETTLE_S)
    says = "runs the right model, and nobody knows that it gave its golden outputs there"
    look = (_on_board(aim, "edge-sdk agent install --package NAME-VERSION.edge runs them"), log)
    return Verdict("going on", "model", says, look, _SETTLE_S)


def _during(update: str) -> str:
    return f", update {update}" if update else ""


def _enrolled(_seen: Seen, aim: Aim) -> Verdict:
    says = "is a member of its fleet, and its agent has not come to the broker yet"
    look = (
        "does the board reach the broker's port (8883 unless told else)? A firewall may let HTTPS through alone",
        _on_board(aim, _AGENT_LOG),
    )
    return Verdict("going on", "broker", says, look, _CONNECT_S)


def _refused(seen: Seen, aim: Aim) -> Verdict:
    """Tell of its own claim that was refused: it ended, or another key was faster; no try again mends that."""
    look, patience_s = ["flash it again: that makes a new claim, and the old one ends"], _REFUSED_S
    if seen.is_enrolled:  # by another key, or by its own, and it is another that was refused
        patience_s = _CONNECT_S
        look.append(f"somebody may have a copy of the claim: edge-sdk fleet keys revoke {aim.device}")
    return Verdict("going on", "claim", f"its claim was refused: {seen.refused}", tuple(look), patience_s)


def _stranger(seen: Seen, aim: Aim) -> Verdict:
    says = f"has told nothing yet; somebody of its name showed another claim: {seen.refused}"
    look = ("is it started from an older card, or is there a board that was flashed under this name before?",)
    return Verdict("going on", "claim", says, (*look, *_silent(seen, aim).look))


def _failed(seen: Seen, aim: Aim) -> Verdict:
    cure, where = _CURES.get(seen.step, ("", "first boot"))
    says = f"its first boot failed at '{seen.step}'{_because(seen)}"
    look = (*filter(None, [cure]), _on_board(aim, _FIRST_BOOT_LOG))
    return Verdict("going on", where, says, look, _RETRY_S)


def _at_step(seen: Seen, aim: Aim) -> Verdict:
    if seen.step == "done":
        says = "its first boot is done, and its agent has not reported yet"
        return Verdict("going on", "broker", says, (_on_board(aim, _AGENT_LOG),), _CONNECT_S)
    says = f"its first boot is at '{seen.step}' ({seen.step_state}{_because(seen)})"
    where: Where = "enrolment" if seen.step == "enrol" else "first boot"
    return Verdict("going on", where, says, (_on_board(aim, _FIRST_BOOT_LOG),), _STEP_S)


def _because(seen: Seen) -> str:
    return f": {seen.step_reason}" if seen.step_reason else ""


def _silent(seen: Seen, aim: Aim) -> Verdict:
    if not aim.hostname or seen.is_ssh_open is None:
        return Verdict("going on", "reach", "nothing was heard of it yet", _NOTHING)
    name = f"{aim.hostname}.local"
    if not seen.address:
        says = f"nothing was heard of it yet, and {name} is not found here"
        return Verdict("going on", "reach", says, _NOTHING)
    if not seen.is_ssh_open:
        says = f"nothing was heard of it yet; {name} is there ({seen.address}), and does not take SSH"
        return Verdict("going on", "reach", says, (_UNHEARD, *_CARD))
    says = f"nothing was heard of it yet; {name} is there ({seen.address}) and takes SSH"
    look = (_UNHEARD, _on_board(aim, f"cat /opt/edge-sdk/boot/status.json; {_FIRST_BOOT_LOG}"))
    return Verdict("going on", "reach", says, (*look, *_CARD))


def _on_board(aim: Aim, command: str) -> str:
    return f"on the board (ssh {aim.hostname}.local): {command}" if aim.hostname else f"on the board: {command}"


_AGENT_LOG = "journalctl -u edge-sdk-agent -n 50"
_FIRST_BOOT_LOG = "journalctl -u edge-sdk-first-boot -n 50"
_CARD = (
    "with the card in this computer: edge-sdk/status.json on its boot partition says how far its first boot came; "
    "where it is not there, the system did not take the customisation",
)
_NOTHING = (
    "has it power, and does its LED show that it reads the card?",
    "is its network there: cable, or name, password and country of the Wi-Fi? Small boards know 2.4 GHz only",
    *_CARD,
)
_UNHEARD = "does it reach the fleet's server: its name, its port (8443 unless told else), a firewall between them?"
_CURES: dict[str, tuple[str, Where]] = {
    "check": (
        "flash it with the --profile and --board-python of this board and system, if it is another",
        "first boot",
    ),
    "install": ("is there room on the board, and does its card keep what is written to it?", "first boot"),
    "board": ("flash the card with the --profile of the board that it is in", "board"),
    "model": ("its model has to give its golden outputs on this very board, and its agent to stay up", "model"),
    "enrol": ("flash it again for a new claim, if this one has ended or was used", "claim"),
    "done": ("its agent has to stay up", "worker"),
}


_FARTHEST_FIRST: tuple[tuple[Callable[[Seen], bool], Callable[[Seen, Aim], Verdict]], ...] = (
    (lambda seen: seen.step_state == "failed", _failed),
    (lambda seen: seen.has_reported, _reported),
    (lambda seen: bool(seen.refused) and not seen.is_strangers, _refused),
    (lambda seen: seen.is_enrolled, _enrolled),
    (lambda seen: bool(seen.step), _at_step),
    (lambda seen: bool(seen.refused), _stranger),
)
"""What a board that is not proven is at: the first that holds. A step that failed explains what was reported since."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How time passes for a wait.

    Attributes:
        now_s: A monotonic clock, in seconds.
        sleep: Lets seconds pass.
    """

    now_s: Callable[[], float]
    sleep: Callable[[float], None]


def wait(
    watched: Watched, aim: Aim, *, timeout_s: float, tell: Callable[[float, Verdict], None], clock: Clock
) -> Verdict:
    """Look once a second until a board is proven, has stopped, or the time is over; return how it stands.

    Args:
        watched: Where it can be seen.
        aim: What is to be proven.
        timeout_s: For how long at most.
        tell: Is given the seconds until now and how it stands, after each look.
        clock: How time passes.
    """
    begin_s = since_s = clock.now_s()
    before: Verdict | None = None
    while True:
        now_s = clock.now_s()
        verdict = judge(watched.look(), aim)
        if before is None or verdict.says != before.says:
            before, since_s = verdict, now_s
        tell(now_s - begin_s, verdict)
        if verdict.state != "going on":
            return verdict
        if now_s - since_s > verdict.patience_s or now_s - begin_s >= timeout_s:
            return replace(verdict, state="stopped")
        clock.sleep(1.0)
