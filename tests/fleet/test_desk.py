"""The desk on a real broker with the fleet's own configuration: what a device asks, and what it is told."""

from __future__ import annotations

import time

import pytest

from edge_sdk.agent.certificate import Key
from edge_sdk.broker import Access
from edge_sdk.broker.address import Broker as Address
from edge_sdk.broker.happening import Connected, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.authority import Identity
from edge_sdk.fleet.desk import Desk
from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.repository.keys import read_keys
from edge_sdk.fleet.repository.releases import add_release, assign
from edge_sdk.wire import Place, decode, encode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get
from edge_sdk.wire.messages import Ask, Command, Commands, CommandState, CommandStates, Desired, Reported, Status
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import free_port, started

PLACE = Place("plant", "press-4")


@pytest.fixture
def fleet(tmp_path):
    """A fleet whose broker runs and whose desk is open."""
    settings = Settings("plant", ("localhost",), broker_port=free_port(), bind="127.0.0.1")
    fleet = Fleet.create(tmp_path / "plant", settings, now_s=NOW_S)
    with started(fleet.broker()), fleet.registry() as registry, Desk(fleet, registry) as desk:
        until(lambda: desk.is_connected)
        fleet.desk = desk
        yield fleet


class Device:
    """A device's link, with what it was told."""

    def __init__(self, fleet, place=PLACE, groups=()):
        key, self.place, self.told = Key.make(), place, {}
        membership = fleet.enrolment().answer(fleet.home(place.device, groups), key.request(place.device), now_s=NOW_S)
        folder = fleet.path.parent / place.device
        Identity(key.pem, membership.certificate.encode()).write(folder)
        access = Access(
            ca=str(fleet.path / "authority" / "ca.pem"),
            certificate=str(folder / "certificate.pem"),
            key=str(folder / "key.pem"),
        )
        options = LinkOptions(place.device, (place.all_down,), access)
        self.link = Link(Address.parse(fleet.broker_address), options)
        until(lambda: isinstance(self.link.next(timeout_s=1), Connected))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def say(self, channel, message, *, retain=False):
        assert self.link.publish(self.place.up(channel), encode(message), retain=retain)

    def hears(self, channel, record, what=lambda _message: True):
        """Wait for a message on a channel that is what is wanted; return it."""
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            match self.link.next(timeout_s=0.1):
                case Received(topic=topic, payload=payload, accept=accept):
                    accept()
                    self.told[topic] = payload
            if (payload := self.told.get(self.place.down(channel))) is not None:
                message = (
                    record.decode(payload, where=channel) if record is Block else decode(record, payload, where=channel)
                )
                if what(message):
                    return message
        raise AssertionError(f"nothing on {channel}, got {self.told}")


def until(is_so):
    end_s = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def boards(fleet):
    with fleet.registry() as registry:
        return {board.device: board for board in registry.boards()}


@pytest.fixture
def released(fleet, package_path):
    """Release the small package; return a function that assigns it."""
    offline = read_keys(fleet.offline_keys)
    add_release(fleet.repository(offline), package_path)

    def give(to, name):
        with fleet.changing():
            return assign(fleet.repository(), to, name, "tiny-7")

    return give


def test_a_device_that_asks_is_told_what_it_is_to_be_and_to_do(fleet, released):
    assignment = released("groups", "hall-2")
    with Device(fleet, groups=("hall-2",)) as device:
        with fleet.registry() as registry:
            registry.add_command("press-4", Command("a", "status"), now_s=NOW_S)
        device.say("ask", Ask(boot=1))
        assert device.hears("desired", Desired, lambda told: told.revision) == Desired(assignment.revision, "tiny-7")
        told = device.hears("command", Commands, lambda told: told.commands)
        assert [command.id for command in told.commands] == ["a"]


def test_what_changes_while_a_device_is_connected_is_told_at_once(fleet, released):
    with Device(fleet) as device:
        device.say("ask", Ask(boot=1))
        assert device.hears("desired", Desired) == Desired(0)
        assignment = released("devices", "press-4")
        assert device.hears("desired", Desired, lambda told: told.revision) == Desired(assignment.revision, "tiny-7")
        with fleet.registry() as registry:
            registry.add_command("press-4", Command("a", "rate", {"hz": "5"}), now_s=NOW_S)
        told = device.hears("command", Commands, lambda told: told.commands)
        device.say("command", CommandStates({"a": CommandState("successful")}), retain=True)
        assert device.hears("command", Commands, lambda told: not told.commands).revision > told.revision


def test_what_a_device_says_of_itself_is_kept(fleet):
    with Device(fleet) as device:
        device.say("status", Status(online=True, boot=7), retain=True)
        device.say("reported", Reported(boot=7, release="parts-1", model_sha256="a" * 64), retain=True)
        until(lambda: "press-4" in boards(fleet) and boards(fleet)["press-4"].reported)
        assert device.hears("desired", Desired) == Desired(0)
    board = boards(fleet)["press-4"]
    assert (board.is_online, board.reported.release) == (True, "parts-1")


def test_a_device_gets_blocks_of_the_repository_and_of_nothing_else(fleet, released):
    released("devices", "press-4")
    timestamp = (fleet.path / "repository" / "metadata" / "timestamp.json").read_bytes()
    with Device(fleet) as device:
        device.say("get", Get(1, "metadata/timestamp.json", 0, 1))
        block = device.hears("block", Block)
        assert (block.is_found, block.data) == (True, timestamp[:BLOCK_BYTES])
        device.say("get", Get(2, "keys-online/online-1.pem", 0, 1))
        assert not device.hears("block", Block, lambda block: block.request == 2).is_found


def test_nobody_but_members_is_heard(fleet):
    with Device(fleet) as device:
        fleet.enrolment().forget("press-4")
        device.say("status", Status(online=True, boot=1), retain=True)
        until(lambda: fleet.desk.refused)
    assert boards(fleet) == {}


def test_noise_of_a_member_is_counted_and_passed_over(fleet):
    with Device(fleet) as device:
        for channel in ("status", "reported", "command", "get"):
            assert device.link.publish(device.place.up(channel), b"\xff noise")
        until(lambda: fleet.desk.refused == 4)
        device.say("ask", Ask(boot=1))
        assert device.hears("desired", Desired) == Desired(0)
