from __future__ import annotations

import pytest

from edge_sdk.agent.presence import Presence, last_will
from edge_sdk.broker.happening import Acknowledged, Connected, Lost, Refused
from edge_sdk.wire import Place, decode
from edge_sdk.wire.messages import Ask, CommandState, CommandStates, Reported, Status, UpdateReport

PLACE = Place("plant", "press-4")
NO_COMMANDS = CommandStates()


class Spoken:
    """A link that keeps what is published, while there is a connection."""

    def __init__(self):
        self.said, self.is_there = [], True

    def publish(self, name, payload, *, retain=False):
        if not self.is_there:
            return None
        self.said.append((name.rpartition("/")[2], payload, retain))
        return len(self.said)

    def take(self):
        said, self.said = self.said, []
        return [(channel, retain) for channel, _, retain in said]


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def link():
    return Spoken()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def presence(link, clock):
    presence = Presence(link, PLACE, boot=3, log="0" * 16, now_s=clock)
    presence.hear(Connected(1 << 20, "5"))
    return presence


def test_the_will_says_the_same_as_the_birth_but_for_one_word(link, presence):
    will = last_will(PLACE, 3)
    assert (will.name, decode(Status, will.payload, where="will")) == (PLACE.up("status"), Status(False, 3))
    (_, birth, retain), (_, ask, is_ask_kept) = link.said
    assert (decode(Status, birth, where="birth"), retain) == (Status(True, 3), True)
    assert (decode(Ask, ask, where="ask"), is_ask_kept) == (Ask(3, "0" * 16), False)
    assert presence.is_connected


def test_what_is_reported_is_said_when_it_has_changed_and_once_a_second_at_most(link, clock, presence):
    link.take()
    presence.show(Reported(3), NO_COMMANDS)
    assert link.take() == [("reported", True), ("command", True)]
    presence.show(Reported(3, worker="running"), NO_COMMANDS)
    assert link.take() == []
    clock.now_s += 1
    presence.show(Reported(3, worker="running"), NO_COMMANDS)
    presence.show(Reported(3, worker="running"), NO_COMMANDS)
    assert link.take() == [("reported", True)]


def test_counts_that_grow_are_said_twice_a_minute(link, clock, presence):
    presence.show(Reported(3), NO_COMMANDS)
    link.take()
    for second in range(1, 62):
        clock.now_s += 1
        update = UpdateReport("fetching", done_bytes=second)
        presence.show(Reported(3, waiting={"results": second}, update=update), NO_COMMANDS)
    assert len(link.take()) == 3  # the stage has changed, and half a minute twice


def test_a_command_that_is_settled_is_said(link, clock, presence):
    presence.show(Reported(3), NO_COMMANDS)
    link.take()
    clock.now_s += 1
    presence.show(Reported(3), CommandStates({"a": CommandState("successful")}))
    assert link.take() == [("command", True)]


def test_what_the_broker_refuses_or_has_lost_is_said_again(link, clock, presence):
    link.take()
    presence.show(Reported(3), NO_COMMANDS)
    presence.hear(Acknowledged(2))
    presence.hear(Refused(PLACE.up("reported"), "quota exceeded", 1))
    clock.now_s += 1
    link.said.clear()
    presence.show(Reported(3), NO_COMMANDS)
    assert link.take() == [("reported", True)]
    presence.hear(Lost("gone"))
    clock.now_s += 1
    presence.show(Reported(3, worker="running"), NO_COMMANDS)
    assert link.take() == []
    presence.hear(Connected(1 << 20, "5"))
    presence.show(Reported(3, worker="running"), NO_COMMANDS)
    assert link.take() == [("status", True), ("ask", False), ("reported", True), ("command", True)]


def test_it_parts_in_peace_only_if_somebody_hears_it(link, presence):
    link.take()
    presence.part()
    assert decode(Status, link.said[0][1], where="status") == Status(False, 3)
    presence.hear(Lost("gone"))
    link.take()
    presence.part()
    assert link.take() == []
