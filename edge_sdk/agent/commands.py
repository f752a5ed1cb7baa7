"""What the fleet tells this board to do once: init → executing → successful | failed, each step on the disk first.

- A command is known by its id: told again, it is not done again, whatever is told with it.
- One that a restart cut short is done again if that has the same effect, and has failed otherwise. None hangs for ever.
- One that has expired, or that this version does not know, has failed with that reason.
- What is settled is kept until the fleet no longer names it, and so that it can be asked for: the latest 64.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge_sdk.agent.state import State
from edge_sdk.errors import EdgeError, InputError
from edge_sdk.records import near_match
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Command, Commands, CommandState, CommandStates

_PREFIX = "command/"
_REVISION = "commands"
_MOST_KNOWN = 64
_MOST_OPEN = 32
_MAX_ANSWER = 32
_MAX_LETTERS = 300
_INIT, _TOO_MANY = CommandState("init"), CommandState("failed", "too many at once")


@dataclass(frozen=True, slots=True)
class Skill:
    """A command that this board can do.

    Attributes:
        does: Does it, with the arguments, and returns the answer, a few values.
        arguments: Names that it takes.
        is_repeatable: Whether doing it twice is the same as once.
    """

    does: Callable[[Mapping[str, str]], Mapping[str, str]]
    arguments: tuple[str, ...] = ()
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    """A command and where it stands.

    Attributes:
        number: In which order it came.
        command: It.
        state: Where it stands.
    """

    number: int
    command: Command
    state: CommandState


@dataclass(frozen=True, slots=True)
class _Seen:
    revision: int = 0
    number: int = 0


@dataclass(slots=True)
class _Book:
    seen: _Seen = field(default_factory=_Seen)
    known: dict[str, _Known] = field(default_factory=dict)


class CommandBook:
    """The commands of this board; may be used from several threads, `perform_next` from one.

    Attributes:
        skills: What can be done, by name.
    """

    def __init__(self, state: State, skills: Mapping[str, Skill]) -> None:
        """Read what is known, and settle what a restart has cut short.

        Raises:
            UnavailableError: The disk cannot be read or written.
        """
        self.skills = skills
        self._state, self._turn = state, threading.Lock()
        self._book = _read(state)
        for known in self._of("executing"):
            skill = skills.get(known.command.name)
            if skill is not None and skill.is_repeatable:
                self._settle(known, _INIT)
            else:
                self._settle(known, CommandState("failed", "interrupted by a restart of the agent"))

    def take(self, told: Commands) -> bool:
        """Take what the fleet wants done; return whether that was news.

        Raises:
            UnavailableError: The disk cannot be written; nothing has changed.
        """
        with self._turn:
            if told.revision <= self._book.seen.revision:
                return False
            self._add(told.commands, revision=told.revision)
            return True

    def add(self, command: Command) -> None:
        """Take a command from somebody at the board itself.

        Raises:
            UnavailableError: The disk cannot be written; nothing has changed.
        """
        with self._turn:
            self._add((command,), revision=self._book.seen.revision)

    def _add(self, commands: Sequence[Command], *, revision: int) -> None:
        book, room = self._book, max(0, _MOST_OPEN - len(self._of("init")))
        fresh = [command for command in commands if command.id not in book.known]
        made = {
            command.id: _Known(book.seen.number + offset, command, _INIT if offset < room else _TOO_MANY)
            for offset, command in enumerate(fresh)
        }
        known, seen = {**book.known, **made}, _Seen(revision, book.seen.number + len(fresh))
        gone = _forgettable(known, frozenset(command.id for command in commands))
        documents: dict[str, bytes | None] = {_PREFIX + name: encode(one) for name, one in made.items()}
        documents |= {_PREFIX + name: None for name in gone}
        self._state.write({**documents, _REVISION: encode(seen)})
        self._book = _Book(seen, {name: one for name, one in known.items() if name not in gone})

    def perform_next(self, now_unix_s: float) -> bool:
        """Do the command that has waited longest, to its end; return whether there was one.

        Args:
            now_unix_s: What time it is, at least.

        Raises:
            UnavailableError: The disk cannot be written.
        """
        with self._turn:
            waiting = self._of("init")
        if not waiting:
            return False
        known = waiting[0]
        try:
            skill = self._skill(known.command, now_unix_s)
            known = self._settle(known, CommandState("executing"))
            answer = _bounded(skill.does(known.command.arguments))
            self._settle(known, CommandState("successful", answer=answer))
        except EdgeError as exc:
            self._settle(known, CommandState("failed", str(exc)[:_MAX_LETTERS]))
        except Exception as exc:  # noqa: BLE001  a command that goes wrong has failed; it never ends the agent
            self._settle(known, CommandState("failed", f"{type(exc).__name__}: {exc}"[:_MAX_LETTERS]))
        return True

    def states(self) -> CommandStates:
        """Return where the commands stand."""
        with self._turn:
            known = sorted(self._book.known.values(), key=lambda one: one.number)
        return CommandStates({one.command.id: one.state for one in known})

    def _skill(self, command: Command, now_unix_s: float) -> Skill:
        skill = self.skills.get(command.name)
        if skill is None:
            near = near_match(command.name, list(self.skills))
            raise InputError(f"command: expected {', '.join(self.skills)}, got {command.name[:40]!r}{near}")
        if command.expires_unix_s and now_unix_s >= command.expires_unix_s:
            raise InputError(f"command: expected to begin before {command.expires_unix_s}, got {now_unix_s:.0f}")
        unknown = sorted(set(command.arguments) - set(skill.arguments))
        if unknown:
            wanted = ", ".join(skill.arguments) or "none"
            raise InputError(f"{command.name}: expected as arguments {wanted}, got {', '.join(unknown)[:80]}")
        return skill

    def _settle(self, known: _Known, state: CommandState) -> _Known:
        after = replace(known, state=state)
        with self._turn:
            self._state.write({_PREFIX + known.command.id: encode(after)})
            self._book.known[known.command.id] = after
        return after

    def _of(self, stage: str) -> list[_Known]:
        found = (one for one in self._book.known.values() if one.state.stage == stage)
        return sorted(found, key=lambda one: one.number)


def read_state_of(state: State, command_id: str) -> CommandState | None:
    """Return where a command stands, from the disk; None if there is no such.

    Raises:
        UnavailableError: The disk cannot be read.
    """
    known = _read(state).known.get(command_id)
    return known.state if known else None


def _read(state: State) -> _Book:
    """Return what is on the disk; what cannot be read there is passed over."""
    book = _Book()
    try:
        seen = state.read(_REVISION)
        book.seen = decode(_Seen, seen, where=_REVISION) if seen else _Seen()
    except InputError:
        pass
    for name, document in state.read_all(_PREFIX).items():
        try:
            book.known[name.removeprefix(_PREFIX)] = decode(_Known, document, where=name)
        except InputError:
            continue
    return book


def _forgettable(known: Mapping[str, _Known], named: frozenset[str]) -> frozenset[str]:
    """Return what is settled and named by nobody, the oldest, beyond what is kept."""
    settled = [name for name, one in known.items() if one.state.stage in {"successful", "failed"} and name not in named]
    settled.sort(key=lambda name: known[name].number)
    return frozenset(settled[: max(0, len(known) - _MOST_KNOWN)])


def _bounded(answer: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:_MAX_LETTERS] for name, value in list(answer.items())[:_MAX_ANSWER]}
