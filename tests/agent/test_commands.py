from __future__ import annotations

import pytest

from edge_sdk.agent.commands import CommandBook, Skill
from edge_sdk.agent.state import State
from edge_sdk.errors import UnavailableError
from edge_sdk.wire.messages import Command, Commands, CommandState

NOW_S = 1_800_000_000


class Board:
    """The skills of a board that counts what it does."""

    def __init__(self):
        self.done = []
        self.fails = None

    def do(self, name):
        def does(arguments):
            if self.fails is not None:
                raise self.fails
            self.done.append((name, dict(arguments)))
            return {"release": "parts-7"}

        return does

    @property
    def skills(self):
        return {
            "pause": Skill(self.do("pause")),
            "rate": Skill(self.do("rate"), arguments=("hz",)),
            "rollback": Skill(self.do("rollback"), is_repeatable=False),
        }


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def state(tmp_path):
    with State(tmp_path / "state.db") as state:
        yield state


def told(revision, *commands):
    return Commands(revision, tuple(commands))


def stages(book):
    return {name: state.stage for name, state in book.states().states.items()}


def test_commands_are_done_in_their_order_and_their_answers_are_told(board, state):
    book = CommandBook(state, board.skills)
    assert book.take(told(1, Command("b", "rate", {"hz": "5"}), Command("a", "pause")))
    assert stages(book) == {"b": "init", "a": "init"}
    assert book.perform_next(NOW_S) and book.perform_next(NOW_S) and not book.perform_next(NOW_S)
    assert board.done == [("rate", {"hz": "5"}), ("pause", {})]
    assert book.states().states["b"] == CommandState("successful", answer={"release": "parts-7"})


def test_one_that_is_told_again_is_not_done_again_not_even_after_a_restart(board, state):
    book = CommandBook(state, board.skills)
    book.take(told(1, Command("a", "pause")))
    book.perform_next(NOW_S)
    assert not book.take(told(1, Command("z", "pause")))
    assert book.take(told(2, Command("a", "rollback")))
    restarted = CommandBook(state, board.skills)
    assert not restarted.take(told(2, Command("a", "rollback")))
    assert not restarted.perform_next(NOW_S)
    assert (len(board.done), stages(restarted)) == (1, {"a": "successful"})


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command("a", "paus"), "command: expected pause, rate, rollback, got 'paus'; did you mean 'pause'?"),
        (Command("a", "pause", {"for": "1"}), "pause: expected as arguments none, got for"),
        (Command("a", "pause", {}, NOW_S), f"command: expected to begin before {NOW_S}, got {NOW_S}"),
    ],
)
def test_what_cannot_be_done_has_failed_with_its_reason(board, state, command, reason):
    book = CommandBook(state, board.skills)
    book.take(told(1, command))
    assert book.perform_next(NOW_S)
    assert book.states().states["a"] == CommandState("failed", reason)
    assert board.done == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (UnavailableError("disk: expected room, got none"), "disk: expected room, got none"),
        (OSError("x"), "OSError: x"),
    ],
)
def test_what_goes_wrong_has_failed_and_the_next_one_is_done(board, state, failure, reason):
    book = CommandBook(state, board.skills)
    book.take(told(1, Command("a", "pause"), Command("b", "pause")))
    board.fails = failure
    book.perform_next(NOW_S)
    board.fails = None
    book.perform_next(NOW_S)
    assert book.states().states["a"] == CommandState("failed", reason)
    assert stages(book)["b"] == "successful"


def test_one_that_a_power_cut_interrupts_is_done_again_or_has_failed(board, state):
    """The power goes while it is executed: nothing is written after that."""
    for name, stage in (("rollback", "failed"), ("pause", "init")):
        board.fails = KeyboardInterrupt()
        book = CommandBook(state, board.skills)
        book.take(told({"rollback": 1, "pause": 2}[name], Command(name, name)))
        with pytest.raises(KeyboardInterrupt):
            book.perform_next(NOW_S)
        restarted = CommandBook(state, board.skills)
        assert stages(restarted)[name] == stage
    assert restarted.states().states["rollback"].reason == "interrupted by a restart of the agent"
    board.fails = None
    assert restarted.perform_next(NOW_S)
    assert board.done == [("pause", {})]


def test_what_waits_and_what_is_remembered_have_bounds(board, state):
    book = CommandBook(state, board.skills)
    book.take(told(1, *(Command(f"a{number}", "pause") for number in range(40))))
    assert sorted(stages(book).values()) == ["failed"] * 8 + ["init"] * 32
    for revision in range(2, 10):
        while book.perform_next(NOW_S):
            pass
        book.take(told(revision, *(Command(f"{revision}-{number}", "pause") for number in range(20))))
    assert len(stages(book)) <= 64 + 20
    assert len(stages(CommandBook(state, board.skills))) == len(stages(book))


def test_what_cannot_be_read_on_the_disk_is_passed_over(board, state):
    state.write({"command/a": b"\x00", "commands": b"{}"})
    book = CommandBook(state, board.skills)
    assert stages(book) == {}
    assert book.take(told(1, Command("a", "pause")))
