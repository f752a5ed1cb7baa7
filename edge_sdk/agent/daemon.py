"""The agent: one loop over what happens on the link, in the worker and on the clock; what takes its time has a thread.

- `life` lives the update, `checks` looks for new ones, `commands` does commands; each is begun again if it fails.
- The loop waits for none of them, nor for the network; systemd's watchdog hears of it.
- Without a network, without a fleet, and with a full disk, the worker runs all the same.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from edge_sdk.agent import asked, heap
from edge_sdk.agent.assembly import Outside, Parts, Told, Untrusted, now_s
from edge_sdk.agent.errand import Errand
from edge_sdk.agent.fleet_side import Ears
from edge_sdk.agent.standing import REPORTED
from edge_sdk.agent.update import UpdateState
from edge_sdk.agent.worker.messages import Beat, Happened, Loaded, Switched
from edge_sdk.agent.worker.supervisor import Blamed, Failed
from edge_sdk.errors import EdgeError, UnavailableError
from edge_sdk.service import ServiceManager, status_line
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Commands, Desired, Reported

log = logging.getLogger(__name__)

_TURN_S = 0.2
_SECOND_S = 1.0
_LAST_S = 4.0
_MINUTE, _TIDY = 60, 2
"""Each minute, the first time when all that is loaded has been."""


class Daemon:
    """The agent of one board. `stop` may be called from any thread, and from signal handlers.

    Example:
        >>> Daemon(Outside(folder, read_config(folder))).run()  # doctest: +SKIP
    """

    def __init__(self, outside: Outside, *, manager: ServiceManager | None = None) -> None:
        """Put the agent together; nothing of an update runs yet.

        Args:
            outside: What it is given.
            manager: Who started this process, if that wants to know how it goes.

        Raises:
            InputError: A certificate, the profile or the identity cannot be read.
            UnavailableError: The disk cannot be read.
        """
        self._folder, self._manager = outside.folder, manager
        self._parts = Parts(outside)
        self._has_command = threading.Event()
        self._kept: tuple[int | str, ...] = ()
        self._next_s, self._seconds = 0.0, 0
        channels = {
            "desired": self._desired,
            "command": self._commanded,
            "block": self._block,
        }
        self._ears = Ears(channels, answered=self._parts.life.reach)

    def stop(self) -> None:
        """Let `run` return."""
        self._parts.over.set()

    def run(self) -> None:
        """Be the agent, until it is stopped."""
        parts = self._parts
        try:
            errands = [Errand("life", parts.life.run, parts.over), Errand("commands", self._do_commands, parts.over)]
            if parts.checks is not None:
                errands.append(Errand("checks", parts.checks.run, parts.over))
            if parts.renewal is not None:
                errands.append(Errand("renewal", parts.renewal.run, parts.over))
            parts.diary.note("agent", state="started", boot=parts.boot, was_damaged=parts.state.was_damaged)
            self._tell_manager("READY=1")
            while not parts.over.is_set():
                self._turn()
            self._tell_manager("STOPPING=1")
            self._end(errands)
        finally:
            parts.over.set()
            parts.close()

    def _end(self, errands: list[Errand]) -> None:
        self._parts.life.stop()
        if self._parts.checks is not None:
            self._parts.checks.end()
        self._has_command.set()
        self._parts.worker.close()  # who waits for its answer gets one
        for errand in errands:
            errand.wait(_LAST_S)

    def _turn(self) -> None:
        """Hear what happened, for a moment; once a second, do what is due."""
        fleet = self._parts.fleet
        if fleet is None:
            self._parts.over.wait(_TURN_S)
        elif fleet.hear(self._ears, timeout_s=_TURN_S):
            while fleet.hear(self._ears, timeout_s=0.0) and now_s() < self._next_s:
                pass
        if fleet is not None:
            fleet.send()
        for told in self._parts.told.take():
            self._hear(told)
        if now_s() >= self._next_s:
            self._next_s = now_s() + _SECOND_S
            self._each_second()

    def _each_second(self) -> None:
        self._take_asked()
        reported = self._parts.report()
        if self._parts.fleet is not None:
            self._parts.fleet.show(reported, self._parts.book.states())
        if self._parts.neighbour is not None:
            self._parts.neighbour.show(reported, self._parts.worker.beat, now_s=now_s())
        self._keep(reported)
        self._seconds += 1
        if self._seconds % _MINUTE == _TIDY:
            heap.give_back()
        self._tell_manager("WATCHDOG=1", status_line(_status(reported)))

    def _hear(self, told: Told) -> None:
        life, diary = self._parts.life, self._parts.diary
        match told:
            case Beat():
                life.beat(told)
                diary.count(told)
            case Failed(part, cause):
                life.fail(cause, is_models=part == "model")
                diary.note("worker", state="failed", part=part, cause=cause)
            case Blamed(cause):
                life.leave(f"the worker fails again and again: {cause}")
            case Loaded() | Switched():
                diary.note("model", package=told.package_sha256, model=told.model_sha256, family=told.family)
            case Happened():
                log.info("%s: %s: %s", told.source, told.after, told.cause)
                diary.note("source", source=told.source, before=told.before, after=told.after, cause=told.cause)
            case UpdateState():
                release = told.offer.release if told.offer else ""
                diary.note("update", stage=told.stage, release=release, reason=told.reason)
            case Untrusted(reason):
                diary.note("untrusted", reason=reason)

    def _desired(self, payload: bytes) -> None:
        desired = decode(Desired, payload, where="down/desired")
        if self._parts.checks is not None:
            self._parts.checks.hint(desired.revision)

    def _commanded(self, payload: bytes) -> None:
        if self._parts.book.take(decode(Commands, payload, where="down/command")):
            self._has_command.set()

    def _block(self, payload: bytes) -> None:
        if self._parts.repository is not None:
            self._parts.repository.take_block(payload)

    def _take_asked(self) -> None:
        """Take the commands of people at the board."""
        for path, command in asked.waiting(self._folder):
            try:
                if command is not None:
                    self._parts.book.add(command)
                path.unlink()
            except (EdgeError, OSError) as exc:
                log.warning("%s: %s", path.name, exc)
                return
            self._has_command.set()

    def _do_commands(self) -> None:
        while not self._parts.over.is_set():
            if not self._parts.book.perform_next(self._parts.time.now_unix_s()):
                self._has_command.wait(_SECOND_S)
                self._has_command.clear()

    def _keep(self, reported: Reported) -> None:
        """Keep what is reported where it can be asked for, when something of weight has changed."""
        update = reported.update
        weighty = (reported.boot, reported.package_sha256, reported.worker, update.state, update.release, update.reason)
        if weighty != self._kept:
            with suppress(UnavailableError):
                self._parts.state.write({REPORTED: encode(reported)})
                self._kept = weighty

    def _tell_manager(self, *lines: str) -> None:
        if self._manager is not None:
            try:
                self._manager.tell(*lines)
            except UnavailableError as exc:
                log.warning("%s", exc)
                self._manager = None


def _status(reported: Reported) -> str:
    update = reported.update
    reason = f" ({update.reason})" if update.reason else ""
    return f"{reported.release or 'no release'}: {reported.worker}; update {update.state}{reason}"
