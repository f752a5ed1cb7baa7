"""`--wait`: where a board can be watched, and what is said while it comes up."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_sdk.cli import output
from edge_sdk.errors import GateError, InputError, UnavailableError
from edge_sdk.flash.proof import Aim, Clock, Seen, Verdict, Watched, wait

if TYPE_CHECKING:
    from edge_sdk.cli.flash.claim import Membership
    from edge_sdk.flash import Kit
    from edge_sdk.flash.target import Target
    from edge_sdk.fleet.enrolment import Enrolment, Member
    from edge_sdk.fleet.folder import Fleet
    from edge_sdk.fleet.registry import Board, Registry

_REACH_S = 5.0
_KNOCK_S = 3.0
_KNOCK_EVERY_S = 15.0
_SSH_PORT = 22
_MAY_COME = frozenset({"reach", "broker", "enrolment"})
"""Where a board is that may still come; all else is a board that came, and is not proven."""


@dataclass(frozen=True, slots=True)
class Watching:
    """A wait that is prepared.

    Attributes:
        place: The fleet's folder, or the board's address over SSH.
        timeout_s: For how long at most.
    """

    place: Path | str
    timeout_s: float

    @classmethod
    def prepare(cls, target: Target, membership: Membership | None, wait_s: float | None) -> Watching | None:
        """Check, before anything is done, that the board can be watched; None if nobody waits.

        Raises:
            InputError: It cannot: it is not reached over SSH, and its fleet is not here.
            UnavailableError: `edge-sdk fleet serve` does not answer.
        """
        if wait_s is None:
            return None
        if membership is not None and membership.is_folder:
            from edge_sdk.fleet.folder import Fleet

            check_served(Fleet(membership.place))
            return cls(membership.place, wait_s)
        if target.kind == "ssh":
            return cls(target.name, wait_s)
        raise InputError(
            f"--wait: expected the folder of the board's fleet, or a board over SSH, got {target.name}",
            hint="--fleet FOLDER; without a fleet, ask the board: edge-sdk agent status",
        )

    def wait(self, kit: Kit) -> None:
        """Wait until the board has proven itself.

        Raises:
            GateError: It came up, and did not prove itself.
            UnavailableError: It did not come up in time, as far as can be seen.
        """
        aim = Aim(kit.device, kit.model_sha256, kit.hostname)
        if isinstance(self.place, str):
            from edge_sdk.flash.ssh.watched import BoardOverSsh

            with BoardOverSsh(self.place) as board:
                verdict = self._watch(board, aim)
        else:
            from edge_sdk.fleet.folder import Fleet

            fleet = Fleet(self.place)
            with fleet.registry() as registry:
                knock_on = Knocking(kit.hostname).look
                verdict = self._watch(FleetFolder(fleet.enrolment(), registry, kit.device, knock_on), aim)
        if verdict.state == "proven":
            output.note(f"{kit.device}: {verdict.says}")
            return
        for line in verdict.look:
            output.note(f"look: {line}")
        family = UnavailableError if verdict.where in _MAY_COME else GateError
        raise family(f"{kit.device}: expected it to prove itself, got: {verdict.says}")

    def _watch(self, watched: Watched, aim: Aim) -> Verdict:
        clock = Clock(time.monotonic, time.sleep)
        with output.countdown(f"waiting for {aim.device}", self.timeout_s) as show:
            return wait(watched, aim, timeout_s=self.timeout_s, tell=_Telling(aim.device, show), clock=clock)


@dataclass(slots=True)
class _Telling:
    """Says each change once; on a terminal, beside the time that is over."""

    device: str
    show: Callable[[float, str], None]
    said: str = ""

    def __call__(self, elapsed_s: float, verdict: Verdict) -> None:
        self.show(elapsed_s, verdict.says)
        if verdict.says != self.said and verdict.state == "going on" and not sys.stderr.isatty():
            output.note(f"{self.device}: {verdict.says}")
        self.said = verdict.says


class FleetFolder:
    """A board as its fleet sees it, from the claim that was made last."""

    def __init__(self, enrolment: Enrolment, registry: Registry, device: str, knock: Callable[[], Seen]) -> None:
        """Name the board.

        Args:
            enrolment: The fleet's claims.
            registry: What boards said.
            device: Its name.
            knock: Tells whether its name is found in this network; asked while nothing was heard.
        """
        self._enrolment, self._registry, self._device, self._knock = enrolment, registry, device, knock

    def look(self) -> Seen:
        """Look into the fleet's folder; see `Watched`."""
        member = self._enrolment.member(self._device)
        seen = _of_claim(member) if member else Seen()
        board = self._registry.board(self._device)
        if member and 0 < member.enrolled_unix_s <= board.reported_unix_s:  # older words are of the board before
            seen = _of_board(board, seen)
        is_silent = not (seen.step or seen.is_enrolled or seen.has_reported)
        if not is_silent:
            return seen
        knocked = self._knock()
        return replace(seen, address=knocked.address, is_ssh_open=knocked.is_ssh_open)


def _of_claim(member: Member) -> Seen:
    from edge_sdk.fleet.enrolment import WRONG_TOKEN

    return Seen(
        member.progress_step,
        member.progress_state,
        member.progress_reason,
        refused=member.refused,
        is_strangers=member.refused == WRONG_TOKEN,
        is_enrolled=member.enrolled_unix_s > 0,
    )


def _of_board(board: Board, seen: Seen) -> Seen:
    said = board.reported
    if said is None:
        return seen
    return replace(
        seen,
        has_reported=True,
        is_online=board.is_online,
        worker=said.worker,
        release=said.release,
        model_sha256=said.model_sha256,
        proven_sha256=said.proven_sha256,
        update=f"{said.update.state} {said.update.release}".strip(),
    )


class Knocking:
    """Looks now and then, beside the wait, whether a name is found in this network (mDNS), and takes SSH."""

    def __init__(self, hostname: str, *, port: int = _SSH_PORT, domain: str = ".local") -> None:
        """Prepare.

        Args:
            hostname: The board's name; empty looks for nothing.
            port: Where SSH is.
            domain: What follows the name.
        """
        self._name, self._port = f"{hostname}{domain}" if hostname else "", port
        self._found, self._next_s = Seen(), 0.0
        self._thread: threading.Thread | None = None

    def look(self) -> Seen:
        """Return what was found last; the resolver of the system may take its time, which nobody waits for."""
        is_due = time.monotonic() >= self._next_s and not (self._thread and self._thread.is_alive())
        if self._name and is_due:
            self._next_s = time.monotonic() + _KNOCK_EVERY_S
            self._thread = threading.Thread(target=self._knock, name="knocking", daemon=True)
            self._thread.start()
        return self._found

    def _knock(self) -> None:
        self._found = knock(self._name, self._port)


def knock(name: str, port: int) -> Seen:
    """Tell whether a name is found, and whether something answers at a port of it."""
    try:
        address = str(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return Seen(is_ssh_open=False)
    with suppress(OSError), socket.create_connection((address, port), timeout=_KNOCK_S):
        return Seen(address=address, is_ssh_open=True)
    return Seen(address=address, is_ssh_open=False)


def check_served(fleet: Fleet) -> None:
    """Check that the fleet's services answer where its devices are told that they are.

    Raises:
        InputError: The fleet's authority cannot be read.
        UnavailableError: One does not answer, or is another fleet's.
    """
    context, mine = ssl.create_default_context(cadata=fleet.authority().ca_pem.decode()), fleet.access("desk")
    context.load_cert_chain(mine.certificate, mine.key)
    for what, address in (("server", fleet.server_address), ("broker", fleet.broker_address)):
        parts = urlsplit(address)
        try:
            raw = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_REACH_S)
            with raw, context.wrap_socket(raw, server_hostname=parts.hostname):
                pass
        except OSError as exc:  # ssl.SSLError is one
            raise UnavailableError(
                f"{address}: expected the fleet's {what} to answer before anything is flashed, got {exc}",
                hint=f"edge-sdk fleet serve --broker --fleet {fleet.path}",
            ) from exc
