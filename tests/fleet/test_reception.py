"""The reception on the fleet's own broker: who sent a row is what the certificate says."""

from __future__ import annotations

import time

import pytest

from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.ingest import Counts
from edge_sdk.fleet.reception import Reception
from edge_sdk.wire import Place
from edge_sdk.wire.messages import Ack, Ask
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import free_port, started
from tests.fleet.test_desk import Device, until
from tests.fleet.test_store import LOG, batch


@pytest.fixture
def fleet(tmp_path):
    settings = Settings("plant", ("localhost",), broker_port=free_port(), bind="127.0.0.1")
    fleet = Fleet.create(tmp_path / "plant", settings, now_s=NOW_S)
    with started(fleet.broker()):
        yield fleet


def test_a_device_sends_and_asks_and_is_told_what_is_kept(fleet):
    with Reception(fleet) as reception, Device(fleet) as device:
        until(lambda: reception.is_connected)
        device.link.publish(device.place.up("results"), batch(0, 20).encode())
        assert device.hears("ack", Ack) == Ack(LOG, {"results": 20})
        device.told.clear()
        device.say("ask", Ask(1, LOG))
        assert device.hears("ack", Ack) == Ack(LOG, {"results": 20})
        assert reception.counts == Counts(rows=20)
        assert reception.is_alive
    with fleet.store() as store:
        assert {device for _, device, _ in store.rows("results")} == {"press-4"}


def test_nobody_sends_in_another_ones_name(fleet):
    with Reception(fleet) as reception, Device(fleet, Place("plant", "thief")) as thief:
        until(lambda: reception.is_connected)
        thief.link.publish(Place("plant", "press-4").up("results"), batch(0, 20).encode())
        thief.link.publish(thief.place.up("results"), batch(0, 5).encode())
        assert thief.hears("ack", Ack).next_seq == {"results": 5}
    with fleet.store() as store:
        assert [account.device for account in store.accounts()] == ["thief"]


def test_old_rows_go_while_it_works(fleet):
    with fleet.store() as store:
        store.take([("press-4", batch(0, 20))], now_s=time.time() - 100)
        with Reception(fleet, keep_s=50.0):
            until(lambda: not store.rows("results"))
        assert store.next_seq("press-4", LOG) == {"results": 20}
