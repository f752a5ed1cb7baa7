from __future__ import annotations

import pytest

from edge_sdk.agent import asked
from edge_sdk.agent.commands import CommandBook, Skill
from edge_sdk.agent.standing import lock, read_standing, settled
from edge_sdk.agent.state import State
from edge_sdk.errors import InputError, UnavailableError


def test_what_is_asked_for_at_the_board_waits_until_it_is_taken_and_what_came_of_it_is_known(tmp_path):
    command = asked.ask(tmp_path, "rollback")
    (tmp_path / "asked" / "broken.json").write_text("{")
    waiting = {path.stem: found for path, found in asked.waiting(tmp_path)}
    assert waiting == {command.id: command, "broken": None}
    with State(tmp_path / "state.db") as state:
        book = CommandBook(state, {"rollback": Skill(lambda _: {"release": "parts-1"})})
        book.add(command)
        assert settled(tmp_path, command.id) is None
        book.perform_next(0)
    assert settled(tmp_path, command.id).answer == {"release": "parts-1"}


def test_one_agent_only_works_in_a_folder(tmp_path):
    assert not read_standing(tmp_path).is_running
    lock(tmp_path)
    assert read_standing(tmp_path).is_running
    with pytest.raises(UnavailableError, match="expected no other agent to run there, got one"):
        lock(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="expected the folder of an agent, got nothing there"):
        read_standing(tmp_path / "none")
