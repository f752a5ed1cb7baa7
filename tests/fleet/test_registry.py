"""The registry: what devices said last, and commands until they are settled."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.registry import Board, Registry
from edge_sdk.wire import encode
from edge_sdk.wire.messages import Command, CommandState, CommandStates, Reported, Status, UpdateReport

NOW_S = 1_800_000_000.0


@pytest.fixture
def registry(tmp_path):
    with Registry(tmp_path / "registry.db") as opened:
        yield opened


def settle(registry, name, stage="successful", **how):
    return registry.take_states("press-4", encode(CommandStates({name: CommandState(stage, **how)})))


def test_what_a_device_said_last_is_kept(registry, tmp_path):
    for boot in (3, 4):
        registry.take_status("press-4", encode(Status(online=True, boot=boot)), now_s=NOW_S)
    registry.take_reported("press-4", encode(Reported(boot=4, release="parts-1")), now_s=NOW_S + 1)
    registry.take_reported("press-5", encode(Reported(boot=1)), now_s=NOW_S)
    registry.close()
    with Registry(tmp_path / "registry.db") as again:
        [first, second] = again.boards()
    assert (first.device, first.is_online, first.reported.release, first.seen_unix_s) == (
        "press-4",
        True,
        "parts-1",
        NOW_S + 1,
    )
    assert (second.device, second.is_online) == ("press-5", False)


def test_another_model_or_another_state_of_the_update_is_news(registry):
    said = Reported(boot=1, model_sha256="a" * 64, update=UpdateReport("trial", "parts-1"))
    news = [said, replace(said, waiting={"results": 3}), replace(said, update=UpdateReport("confirmed", "parts-1"))]
    assert [registry.take_reported("press-4", encode(one), now_s=NOW_S) for one in news] == [True, False, True]
    assert registry.take_reported("press-4", encode(replace(news[2], model_sha256="b" * 64)), now_s=NOW_S)


def test_the_will_of_an_earlier_start_does_not_hold(registry):
    registry.take_status("press-4", encode(Status(online=True, boot=4)), now_s=NOW_S)
    registry.take_status("press-4", encode(Status(online=False, boot=3)), now_s=NOW_S)
    assert registry.boards()[0].is_online
    registry.take_status("press-4", encode(Status(online=False, boot=4)), now_s=NOW_S)
    assert not registry.boards()[0].is_online


def test_a_board_that_was_set_up_anew_is_there_with_its_first_start(registry):
    registry.take_status("press-4", encode(Status(online=False, boot=12)), now_s=NOW_S)
    registry.take_status("press-4", encode(Status(online=True, boot=1)), now_s=NOW_S)
    assert registry.board("press-4").is_online


def test_one_device_is_asked_for_by_its_name(registry):
    registry.take_reported("press-5", encode(Reported(boot=1)), now_s=NOW_S)
    registry.take_status("press-5", encode(Status(online=True, boot=2)), now_s=NOW_S + 9)
    assert registry.board("press-4") == Board("press-4")
    assert registry.board("press-5") == Board("press-5", True, Reported(boot=1), NOW_S + 9, NOW_S)


def test_a_registry_of_an_earlier_version_goes_on(tmp_path):
    with Registry(tmp_path / "old.db") as registry:
        registry.take_reported("press-4", encode(Reported(boot=1)), now_s=NOW_S)
    with sqlite3.connect(tmp_path / "old.db") as database:
        database.execute("ALTER TABLE board DROP COLUMN reported_unix_s")
    with Registry(tmp_path / "old.db") as registry:
        assert registry.board("press-4").reported_unix_s == 0
        registry.take_reported("press-4", encode(Reported(boot=2)), now_s=NOW_S)
        assert registry.board("press-4").reported_unix_s == NOW_S


def test_a_command_is_told_until_it_is_settled(registry):
    for name in ("a", "b"):
        registry.add_command("press-4", Command(name, "status"), now_s=NOW_S)
    first = registry.commands("press-4", now_s=NOW_S)
    assert [command.id for command in first.commands] == ["a", "b"]
    assert not settle(registry, "a", "executing")
    assert registry.commands("press-4", now_s=NOW_S) == first
    assert settle(registry, "a", answer={"hz": "5"})
    second = registry.commands("press-4", now_s=NOW_S)
    assert [command.id for command in second.commands] == ["b"]
    assert second.revision > first.revision
    assert not settle(registry, "a", "failed", reason="late")
    [last, told] = registry.told("press-4")
    assert (last.command.id, last.state.stage) == ("b", "init")
    assert (told.state.stage, told.state.answer) == ("successful", {"hz": "5"})


def test_revisions_grow_though_the_registry_is_lost_or_the_clock_goes_back(registry, tmp_path):
    registry.add_command("press-4", Command("a", "status"), now_s=NOW_S)
    before = registry.revisions()["press-4"]
    registry.add_command("press-4", Command("b", "status"), now_s=NOW_S - 1000)
    assert registry.revisions()["press-4"] > before
    with Registry(tmp_path / "another.db") as lost:
        lost.add_command("press-4", Command("c", "status"), now_s=NOW_S + 5)
        assert lost.revisions()["press-4"] > registry.revisions()["press-4"]


def test_a_command_that_ended_long_ago_is_told_no_more(registry):
    registry.add_command("press-4", Command("a", "status", expires_unix_s=int(NOW_S)), now_s=NOW_S)
    assert registry.commands("press-4", now_s=NOW_S + 6 * 86400).commands
    assert registry.commands("press-4", now_s=NOW_S + 8 * 86400).commands == ()


def test_what_is_settled_is_kept_up_to_a_number(registry):
    for number in range(70):
        registry.add_command("press-4", Command(f"c{number}", "status"), now_s=NOW_S + number)
        if number:
            settle(registry, f"c{number}")
    before = registry.revisions()["press-4"]
    registry.add_command("press-4", Command("last", "status"), now_s=NOW_S)
    assert registry.revisions()["press-4"] > before
    told = registry.told("press-4")
    assert (len(told), told[0].command.id, told[-1].command.id) == (65, "last", "c0")
    assert [command.id for command in registry.commands("press-4", now_s=NOW_S).commands] == ["c0", "last"]


def test_an_id_is_used_once(registry):
    registry.add_command("press-4", Command("a", "status"), now_s=NOW_S)
    registry.add_command("press-5", Command("a", "status"), now_s=NOW_S)
    with pytest.raises(InputError, match="press-4: expected a new id of a command, got 'a' again"):
        registry.add_command("press-4", Command("a", "status"), now_s=NOW_S)


def test_a_device_that_is_forgotten_leaves_nothing(registry):
    for device in ("press-4", "press-5"):
        registry.add_command(device, Command("a", "status"), now_s=NOW_S)
        registry.take_reported(device, encode(Reported(boot=1)), now_s=NOW_S)
    registry.forget(("press-4",))
    assert [board.device for board in registry.boards()] == ["press-5"]
    assert [told.device for told in registry.told()] == ["press-5"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=100))
def test_what_is_no_message_changes_nothing(registry, noise):
    with contextlib.suppress(InputError):
        registry.take_states("press-4", noise)
    for take in (registry.take_status, registry.take_reported):
        with contextlib.suppress(InputError):
            take("press-4", noise, now_s=NOW_S)
    assert registry.boards() == ()


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "registry.db").write_bytes(b"x" * 5000)
    with pytest.raises(UnavailableError, match=r"registry\.db: expected a database that can be written"):
        Registry(tmp_path / "registry.db")
